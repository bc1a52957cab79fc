package webpush_test

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"bellhop"
	"bellhop/push"
	"bellhop/push/webpush"
)

// A browser subscribed with the keys' public half. Its maker's service takes the message.
func Example() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Header.Get("Content-Encoding"), r.Header.Get("Urgency"))
		w.WriteHeader(http.StatusCreated)
	}))
	defer service.Close()
	dir, err := os.MkdirTemp("", "webpush-example")
	check(err)
	defer os.RemoveAll(dir)

	keys, err := webpush.OpenKeys(filepath.Join(dir, "keys.json")) // made when there are none
	check(err)
	sender, err := webpush.New(webpush.Options{Keys: keys, Subject: "mailto:you@example.com",
		Private: true}) // for the example's own service alone
	check(err)
	defer sender.Close()

	browser := bellhop.Device{Kind: bellhop.AddressWebPush, Value: subscription(service.URL)}
	_, err = sender.Send(context.Background(), push.Message{Device: browser, Tag: "order-1001", Title: "Order #1001"})
	fmt.Println(err)
	// Output:
	// aes128gcm high
	// <nil>
}

// subscription is the JSON that PushManager.subscribe gives a page.
func subscription(endpoint string) string {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	check(err)
	secret := make([]byte, 16)
	rand.Read(secret)
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"endpoint":"%s/push","keys":{"p256dh":"%s","auth":"%s"}}`,
		endpoint, b64(key.PublicKey().Bytes()), b64(secret))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
