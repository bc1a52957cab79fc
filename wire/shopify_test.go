package wire_test

import (
	"strings"
	"testing"

	"bellhop/wire"
)

func TestShopifySettings(t *testing.T) {
	good := wire.Shopify{ShopifySecret: "new,old", ShopifyClientID: "0123456789abcdef", URL: "https://Bellhop.example/"}
	app, err := good.App()
	if err != nil || app.ClientID != good.ShopifyClientID || app.Secret != "new" || app.PreviousSecret != "old" ||
		app.Endpoint != "" {
		t.Errorf("%+v, %v", app, err)
	}
	if base, err := good.BaseURL(); err != nil || base != "https://bellhop.example" {
		t.Errorf("%q, %v", base, err)
	}
	if app, err := (&wire.Shopify{ShopifySecret: "hush"}).App(); app != nil || err != nil {
		t.Errorf("without a client id: %v, %v", app, err)
	}
	for what, test := range map[string]struct {
		change  func(*wire.Shopify)
		setting string
	}{
		"no secret":         {func(s *wire.Shopify) { s.ShopifySecret = "" }, "BELLHOP_SHOPIFY_CLIENT_ID"},
		"three secrets":     {func(s *wire.Shopify) { s.ShopifySecret = "a,b,c" }, "BELLHOP_SHOPIFY_SECRET"},
		"no id":             {func(s *wire.Shopify) { s.ShopifyClientID = "an id" }, "BELLHOP_SHOPIFY_CLIENT_ID"},
		"no address":        {func(s *wire.Shopify) { s.URL = "" }, "BELLHOP_URL"},
		"plain http":        {func(s *wire.Shopify) { s.URL = "http://bellhop.example" }, "BELLHOP_URL"},
		"a path":            {func(s *wire.Shopify) { s.URL = "https://bellhop.example/console" }, "BELLHOP_URL"},
		"a password":        {func(s *wire.Shopify) { s.URL = "https://jo:hush@bellhop.example" }, "BELLHOP_URL"},
		"a query":           {func(s *wire.Shopify) { s.URL = "https://bellhop.example?a=b" }, "BELLHOP_URL"},
		"another scheme":    {func(s *wire.Shopify) { s.URL = "ftp://bellhop.example" }, "BELLHOP_URL"},
		"endpoint, plain":   {func(s *wire.Shopify) { s.ShopifyEndpoint = "http://evil.example/{shop}" }, "BELLHOP_SHOPIFY_ENDPOINT"},
		"endpoint, no shop": {func(s *wire.Shopify) { s.ShopifyEndpoint = "https://evil.example" }, "BELLHOP_SHOPIFY_ENDPOINT"},
	} {
		s := good
		test.change(&s)
		if err := s.Check(); err == nil || !strings.HasPrefix(err.Error(), test.setting+": ") ||
			strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "give ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	local := good
	local.URL, local.ShopifyEndpoint = "http://127.0.0.1:8080", "http://127.0.0.1:9092/{shop}"
	if err := local.Check(); err != nil {
		t.Errorf("with a twin: %v", err)
	}
}
