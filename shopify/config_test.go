package shopify_test

import (
	"slices"
	"testing"

	"github.com/BurntSushi/toml"

	"bellhop/shopify"
)

// appFile has the keys that Shopify documents, as far as a file of ours may have them.
type appFile struct {
	Name           string `toml:"name"`
	ClientID       string `toml:"client_id"`
	ApplicationURL string `toml:"application_url"`
	Embedded       *bool  `toml:"embedded"`
	AccessScopes   struct {
		Scopes string `toml:"scopes"`
	} `toml:"access_scopes"`
	Auth struct {
		RedirectURLs []string `toml:"redirect_urls"`
	} `toml:"auth"`
	Webhooks struct {
		APIVersion    string `toml:"api_version"`
		Subscriptions []struct {
			Topics           []string `toml:"topics"`
			ComplianceTopics []string `toml:"compliance_topics"`
			URI              string   `toml:"uri"`
		} `toml:"subscriptions"`
	} `toml:"webhooks"`
}

// TestAppConfig reads the file as Shopify's command line does, and wants every key to be one that it knows.
func TestAppConfig(t *testing.T) {
	c := shopify.AppConfig{Name: "Bell \"hop\"\\\n종\x7f", ClientID: "0123456789abcdef", URL: "https://bellhop.example.com",
		Scopes: []string{"read_orders", "read_customers"}}
	var got appFile
	meta, err := toml.Decode(c.TOML(), &got)
	if err != nil {
		t.Fatalf("%v in\n%s", err, c.TOML())
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		t.Errorf("Shopify knows no %v", unknown)
	}
	if got.Name != c.Name || got.ClientID != c.ClientID || got.ApplicationURL != c.URL+"/shopify/install" ||
		got.Embedded == nil || *got.Embedded || got.AccessScopes.Scopes != "read_orders,read_customers" ||
		!slices.Equal(got.Auth.RedirectURLs, []string{c.URL + "/shopify/callback"}) ||
		got.Webhooks.APIVersion != "2026-10" {
		t.Errorf("got %+v", got)
	}
	var topics, compliance []string
	for _, s := range got.Webhooks.Subscriptions {
		topics, compliance = append(topics, s.Topics...), append(compliance, s.ComplianceTopics...)
		if s.URI != c.URL+"/webhooks/shopify" {
			t.Errorf("webhooks go to %s", s.URI)
		}
	}
	if !slices.Equal(topics, shopify.Wanted()) || !slices.Equal(compliance, shopify.Compliance()) {
		t.Errorf("subscribes to %q and %q", topics, compliance)
	}
}
