package site_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"bellhop/pipeline"
	"bellhop/web/site"
	"bellhop/wire"
)

// Webhooks, the API and the console, in a server that you have already.
func ExampleNew() {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "site-example")
	check(err)
	defer os.RemoveAll(dir)
	storage := wire.Storage{Dir: dir, DB: "sqlite:", Queue: "sqlite:"}
	parts, err := storage.Open(ctx, wire.Options{})
	check(err)
	defer parts.Close()

	acceptor := &pipeline.Acceptor{Keys: pipeline.NewKeyring(parts.Store, "the app's client secret", ""),
		Queue: parts.Queue, Now: time.Now}
	bellhop, err := site.New(site.Options{Store: parts.Store, Queue: parts.Queue, Acceptor: acceptor,
		Logger: slog.New(slog.DiscardHandler)})
	check(err)
	defer bellhop.Close()
	server := httptest.NewServer(bellhop.Handler())
	defer server.Close()

	for _, path := range []string{"/healthz", "/v1/openapi.json", "/v1/orders"} {
		res, err := http.Get(server.URL + path)
		check(err)
		res.Body.Close()
		fmt.Println(path, res.StatusCode)
	}
	// Output:
	// /healthz 200
	// /v1/openapi.json 200
	// /v1/orders 401
}
