package shopify

import (
	"cmp"
	"fmt"
	"strings"
)

// APIVersion is the version of webhooks that an app subscribes to.
const APIVersion = "2026-10"

// The addresses of bellhop that Shopify knows, behind [AppConfig.URL].
const (
	WebhookPath  = "/webhooks/shopify" // where it posts to
	InstallPath  = "/shopify/install"  // where it opens the app
	SignInPath   = "/shopify/signin"   // where people begin who sign in with Shopify
	CallbackPath = "/shopify/callback" // where it comes back to with the owner's consent
)

// AppConfig is what an app's configuration file says of bellhop.
type AppConfig struct {
	Name     string
	ClientID string
	URL      string // where Shopify reaches bellhop, without a slash at its end
	Scopes   []string
	URI      string // where deliveries go, such as the ARN of an event source at EventBridge; "" is bellhop's endpoint
	Deliver  Deliver
}

// Deliver says in which of its forms Shopify tells of orders.
type Deliver string

// The forms.
const (
	DeliverWebhooks Deliver = "webhooks"
	DeliverEvents   Deliver = "events" // with the webhooks of [BesideEvents]
	DeliverBoth     Deliver = "both"   // as while moving from one to the other
)

// Webhooks returns the topics of webhooks in an app's configuration, but for [Compliance].
func (d Deliver) Webhooks() []string {
	if d == DeliverEvents {
		return BesideEvents()
	}
	return Wanted()
}

// Events reports whether the configuration subscribes to Events.
func (d Deliver) Events() bool { return d == DeliverEvents || d == DeliverBoth }

// TOML returns the file, shopify.app.toml, that Shopify's command line deploys. Its keys are those of
// https://shopify.dev/docs/apps/build/cli-for-apps/app-configuration.
func (c AppConfig) TOML() string {
	uri := quote(cmp.Or(c.URI, c.URL+WebhookPath))
	file := fmt.Sprintf(`# The configuration of the app, for bellhop. Deploy it with Shopify's command line: shopify app deploy
# Shopify describes all that it may have: https://shopify.dev/docs/apps/build/cli-for-apps/app-configuration

# Name and id as the Dev Dashboard has them.
name = %s
client_id = %s

# Where Shopify sends a merchant who installs the app or opens it.
application_url = %s

# The console is a page of its own, not one within Shopify's admin.
embedded = false

[access_scopes]
# Orders of the last 60 days, their customers' names and parcels. Older ones need read_all_orders from Shopify.
scopes = %s

[auth]
# Where Shopify sends the merchant back to, once they agreed.
redirect_urls = [ %s ]

[webhooks]
api_version = %s

# These hold for every shop, and failures don't remove them. bellhop shop connect subscribes by the API
# instead: with both, bellhop gets each webhook twice and records it once.
[[webhooks.subscriptions]]
topics = [
%s]
uri = %s

# Shopify asks every app in its store for these, and subscribes to them only here.
[[webhooks.subscriptions]]
compliance_topics = [
%s]
uri = %s
`, quote(c.Name), quote(c.ClientID), quote(c.URL+InstallPath), quote(strings.Join(c.Scopes, ",")),
		quote(c.URL+CallbackPath), quote(APIVersion), list(c.Deliver.Webhooks()), uri, list(Compliance()), uri)
	if c.Deliver.Events() {
		file += c.events(uri)
	}
	return file
}

func (c AppConfig) events(uri string) string {
	return fmt.Sprintf(`
[events]
api_version = %s

# Orders as Events: what the query asks for comes with each change. A body that lacks some of it is no content, and
# bellhop then fetches the order: change the pages' sizes, but no field. Shopify takes 100 points at most.
[[events.subscription]]
handle = %s
topic = %s
actions = [
%s]
uri = %s
query = """
%s
"""
`, quote(APIVersion), quote(EventHandle), quote(EventTopic), list(EventActions()), uri, EventQuery(c.Scopes))
}

func list(topics []string) string {
	var b strings.Builder
	for _, t := range topics {
		fmt.Fprintf(&b, "  %s,\n", quote(t))
	}
	return b.String()
}

// quote writes a basic string of TOML.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ', r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
