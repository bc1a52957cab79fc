package wire

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"bellhop/shopify"
	"bellhop/shopify/admin"
)

// Shopify is bellhop as an app of Shopify's.
type Shopify struct {
	ShopifySecret   string `name:"shopify-secret" env:"BELLHOP_SHOPIFY_SECRET" help:"The app's client secret: Shopify signs webhooks with it. While rotating give two, the new one first, separated by a comma."`
	ShopifyClientID string `name:"shopify-client-id" env:"BELLHOP_SHOPIFY_CLIENT_ID" help:"The app's client id: with it shops can be connected. See bellhop shop connect --help."`
	ShopifyEndpoint string `name:"shopify-endpoint" env:"BELLHOP_SHOPIFY_ENDPOINT" help:"Where OAuth and the Admin API of a shop are, {shop} standing for its domain, for tests with a twin: http://127.0.0.1:9092/{shop}. Default: https://{shop}."`
	ShopifyEvents   bool   `name:"shopify-events" env:"BELLHOP_SHOPIFY_EVENTS" help:"The app's configuration has Events (bellhop shopify toml --events): where they come, only what has no Event is subscribed by the Admin API."`
	URL             string `name:"url" env:"BELLHOP_URL" help:"Where people and Shopify reach bellhop, such as https://bellhop.example.com."`
}

// Check refuses settings that can't work.
func (s *Shopify) Check() error {
	if _, _, err := s.AppSecrets(); err != nil {
		return err
	}
	_, err := s.BaseURL()
	if err == nil {
		_, err = s.App()
	}
	return err
}

// AppSecrets returns the app's secret and the one before.
func (s *Shopify) AppSecrets() (current, previous string, err error) {
	current, previous, ok := shopify.TwoSecrets(s.ShopifySecret)
	if !ok {
		return "", "", WrongSetting("BELLHOP_SHOPIFY_SECRET", "it has a comma and not two secrets",
			"give one secret, or the new and the old one separated by a comma")
	}
	return current, previous, nil
}

// App returns the app that connects shops; nil without a client id.
func (s *Shopify) App() (*admin.App, error) {
	if s.ShopifyClientID == "" {
		return nil, nil
	}
	current, previous, err := s.AppSecrets()
	if err != nil {
		return nil, err
	}
	switch {
	case !isClientID(s.ShopifyClientID):
		return nil, WrongSetting("BELLHOP_SHOPIFY_CLIENT_ID", "it is not a client id",
			"give the one in the app's settings in Shopify's Dev Dashboard, such as 32 letters and digits")
	case current == "":
		return nil, WrongSetting("BELLHOP_SHOPIFY_CLIENT_ID", "there is no BELLHOP_SHOPIFY_SECRET beside it",
			"give the app's client secret, too: both are in the app's settings in Shopify's Dev Dashboard")
	case s.URL == "":
		return nil, WrongSetting("BELLHOP_URL", "it is empty, and connecting shops needs it",
			"give the address where Shopify and people reach bellhop, such as https://bellhop.example.com")
	}
	if s.ShopifyEndpoint != "" {
		if err := admin.CheckEndpoint(s.ShopifyEndpoint); err != nil {
			return nil, withSetting("BELLHOP_SHOPIFY_ENDPOINT", err)
		}
	}
	return &admin.App{ClientID: s.ShopifyClientID, Secret: current, PreviousSecret: previous,
		Endpoint: s.ShopifyEndpoint, Events: s.ShopifyEvents}, nil
}

func isClientID(s string) bool {
	return len(s) <= 100 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// BaseURL returns BELLHOP_URL without a slash at its end; "" if it is not set.
func (s *Shopify) BaseURL() (string, error) {
	if s.URL == "" {
		return "", nil
	}
	const accepted = "give the form https://bellhop.example.com"
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "":
		return "", WrongSetting("BELLHOP_URL", "it is not the address of a site", accepted)
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return strings.ToLower(u.Scheme + "://" + u.Host), nil
	}
	return "", WrongSetting("BELLHOP_URL", fmt.Sprintf("%s is not https: tokens and orders would go there in the clear",
		u.Scheme+"://"+u.Host), accepted)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
