package shopify_test

import (
	"cmp"
	"slices"
	"strings"
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
	Events struct {
		APIVersion   string `toml:"api_version"`
		Subscription []struct {
			Handle  string   `toml:"handle"`
			Topic   string   `toml:"topic"`
			Actions []string `toml:"actions"`
			URI     string   `toml:"uri"`
			Query   string   `toml:"query"`
		} `toml:"subscription"`
	} `toml:"events"`
}

// topics returns the topics of a file's webhooks, and those that the law asks for.
func (f *appFile) topics(t *testing.T, uri string) (topics, compliance []string) {
	for _, s := range f.Webhooks.Subscriptions {
		topics, compliance = append(topics, s.Topics...), append(compliance, s.ComplianceTopics...)
		if s.URI != uri {
			t.Errorf("webhooks go to %s", s.URI)
		}
	}
	return topics, compliance
}

func readAppFile(t *testing.T, c shopify.AppConfig) (got appFile) {
	t.Helper()
	meta, err := toml.Decode(c.TOML(), &got)
	if err != nil {
		t.Fatalf("%v in\n%s", err, c.TOML())
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		t.Errorf("Shopify knows no %v", unknown)
	}
	return got
}

// TestAppConfig reads the file as Shopify's command line does, and wants every key to be one that it knows.
func TestAppConfig(t *testing.T) {
	c := shopify.AppConfig{Name: "Bell \"hop\"\\\n종\x7f", ClientID: "0123456789abcdef", URL: "https://bellhop.example.com",
		Scopes: []string{"read_orders", "read_customers"}}
	got := readAppFile(t, c)
	if got.Name != c.Name || got.ClientID != c.ClientID || got.ApplicationURL != c.URL+"/shopify/install" ||
		got.Embedded == nil || *got.Embedded || got.AccessScopes.Scopes != "read_orders,read_customers" ||
		!slices.Equal(got.Auth.RedirectURLs, []string{c.URL + "/shopify/callback"}) ||
		got.Webhooks.APIVersion != "2026-10" {
		t.Errorf("got %+v", got)
	}
	topics, compliance := got.topics(t, c.URL+"/webhooks/shopify")
	if !slices.Equal(topics, shopify.Wanted()) || !slices.Equal(compliance, shopify.Compliance()) {
		t.Errorf("subscribes to %q and %q", topics, compliance)
	}
	if got.Events.APIVersion != "" || got.Events.Subscription != nil {
		t.Errorf("there are Events: %+v", got.Events)
	}
}

// TestAppConfigOfEvents reads files with Events alone and beside all webhooks.
func TestAppConfigOfEvents(t *testing.T) {
	const arn = "arn:aws:events:eu-central-1::event-source/aws.partner/shopify.com/1234/orders"
	c := shopify.AppConfig{ClientID: "0", URL: "https://bellhop.example.com", Scopes: []string{"read_orders"}}
	for _, uri := range []string{"", arn} {
		for deliver, webhooks := range map[shopify.Deliver][]string{
			shopify.DeliverEvents: shopify.BesideEvents(), shopify.DeliverBoth: shopify.Wanted(),
		} {
			c.URI, c.Deliver = uri, deliver
			got, to := readAppFile(t, c), cmp.Or(uri, "https://bellhop.example.com/webhooks/shopify")
			if topics, compliance := got.topics(t, to); !slices.Equal(topics, webhooks) ||
				!slices.Equal(compliance, shopify.Compliance()) {
				t.Errorf("%s: subscribes to %q and %q", deliver, topics, compliance)
			}
			if len(got.Events.Subscription) != 1 || got.Events.APIVersion != "2026-10" {
				t.Fatalf("%s: Events are %+v", deliver, got.Events)
			}
			s := got.Events.Subscription[0]
			if s.Handle != "bellhop-orders" || s.Topic != "Order" || s.URI != to ||
				!slices.Equal(s.Actions, []string{"create", "update", "delete"}) ||
				strings.TrimSpace(s.Query) != shopify.EventQuery(c.Scopes) {
				t.Errorf("%s: the subscription is %+v", deliver, s)
			}
		}
	}
	for _, topic := range shopify.BesideEvents() {
		if !slices.Contains(shopify.Wanted(), topic) {
			t.Errorf("%s is not wanted", topic)
		}
	}
}
