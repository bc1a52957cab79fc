package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// scriptTwin is a script's twin.
type scriptTwin struct{ *shop.Twin }

// shopifyTwin is Shopify for a script:
//
//	twin start SHOP ELSEWHERE...   sets $BELLHOP_SHOPIFY_ENDPOINT
//	twin scopes SHOP SCOPES        installs the app with these
//	twin drop SHOP TOPIC           deletes a subscription
//	twin faults SHOP JSON
//	twin token SHOP FILE           writes a token that doesn't expire
//	twin uninstall SHOP
func shopifyTwin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: twin VERB SHOP...")
	}
	if args[0] == "start" {
		startTwin(ts, args[1], args[2:])
		return
	}
	t, domain := ts.Value(scriptTwin{}).(*scriptTwin), args[1]
	switch args[0] {
	case "scopes":
		ts.Check(t.SetScopes(domain, strings.Split(args[2], ",")))
	case "drop":
		ts.Check(t.DropSubscriptions(domain, args[2]))
	case "faults":
		var f shop.Faults
		ts.Check(json.Unmarshal([]byte(args[2]), &f))
		ts.Check(t.SetFaults(domain, f))
	case "token":
		token, err := t.LastingToken(domain)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(token+"\n"), 0o600))
	case "uninstall":
		ts.Check(t.Uninstall(domain, 0))
	default:
		ts.Fatalf("there is no twin %s", args[0])
	}
}

func startTwin(ts *testscript.TestScript, domain string, elsewhere []string) {
	t, err := shop.New(shop.Options{ClientID: ts.Getenv("BELLHOP_SHOPIFY_CLIENT_ID"),
		Secret: ts.Getenv("BELLHOP_SHOPIFY_SECRET"), App: ts.Getenv("BELLHOP_URL"), Loopback: true,
		Orders: simulate.ShopifyOptions{Shops: append([]string{domain}, elsewhere...), Rate: 1}})
	ts.Check(err)
	for _, domain := range elsewhere {
		ts.Check(t.SetFaults(domain, shop.Faults{Elsewhere: true}))
	}
	server := httptest.NewServer(t)
	ts.Defer(server.Close)
	ts.Setenv("BELLHOP_SHOPIFY_ENDPOINT", server.URL+"/{shop}")
	ts.Value(scriptTwin{}).(*scriptTwin).Twin = t
}
