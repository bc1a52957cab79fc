package shopify

import (
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
}

// TOML returns the file, shopify.app.toml, that Shopify's command line deploys. Its keys are those of
// https://shopify.dev/docs/apps/build/cli-for-apps/app-configuration.
func (c AppConfig) TOML() string {
	return fmt.Sprintf(`# The configuration of the app, for bellhop. Deploy it with Shopify's command line: shopify app deploy
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
		quote(c.URL+CallbackPath), quote(APIVersion), list(Wanted()), quote(c.URL+WebhookPath),
		list(Compliance()), quote(c.URL+WebhookPath))
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
