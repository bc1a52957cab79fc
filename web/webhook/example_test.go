package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"bellhop"
	"bellhop/shopify"
	"bellhop/web/webhook"
)

// signedOnly accepts webhooks signed with one secret. pipeline.Acceptor does so
// too, and makes it durable.
type signedOnly struct{ keys shopify.Keys }

func (s signedOnly) Accept(_ context.Context, h http.Header, body []byte) error {
	if _, ok := s.keys.Verify(body, h.Get(shopify.HeaderHMAC)); !ok {
		return bellhop.Errorf(bellhop.Unauthenticated, "signature", "not signed by Shopify")
	}
	fmt.Printf("accepted %s\n", body)
	return nil
}

// The endpoint is a plain http.Handler, for a server that you have already.
func ExampleNew() {
	accept := signedOnly{shopify.Keys{App: shopify.NewSecret("hush")}}
	mux := http.NewServeMux()
	mux.Handle("/shopify/orders", webhook.New(accept, webhook.Options{}))
	server := httptest.NewServer(mux) // yours comes from web.HTTPServer, say
	defer server.Close()

	for _, secret := range []string{"hush", "wrong"} {
		body := `{"id":1}`
		req, _ := http.NewRequest("POST", server.URL+"/shopify/orders", strings.NewReader(body))
		req.Header.Set(shopify.HeaderHMAC, shopify.Sign(secret, []byte(body)))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		res.Body.Close()
		fmt.Println(res.StatusCode)
	}
	// Output:
	// accepted {"id":1}
	// 200
	// 401
}
