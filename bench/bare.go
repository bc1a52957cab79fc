package bench

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"bellhop/shopify"
)

// Bare serves the least that a web program in Go does with a webhook: it reads
// the body, checks the signature and answers 200. It keeps nothing, and is
// written as anybody would, without pools. Bellhop's rates are shares of its rate.
//
// then, if set, gets each webhook before the answer.
func Bare(ctx context.Context, addr, secret string, then func(context.Context, http.Header, []byte) error) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for the bare handler: %w", err)
	}
	srv := &http.Server{Handler: bareHandler([]byte(secret), then), ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the bare handler: %w", err)
	}
	return nil
}

func bareHandler(secret []byte, then func(context.Context, http.Header, []byte) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "the body can't be read", http.StatusBadRequest)
			return
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		want, err := base64.StdEncoding.DecodeString(r.Header.Get(shopify.HeaderHMAC))
		if err != nil || !hmac.Equal(mac.Sum(nil), want) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if then != nil && then(r.Context(), r.Header, body) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}
