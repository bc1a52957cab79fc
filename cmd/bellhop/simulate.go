package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/web/webhook"
)

type simulateCmd struct {
	Shopify simulateShopifyCmd `cmd:"" help:"Be a Shopify shop: send webhooks, and serve its admin." example:"bellhop simulate shopify --shop demo.myshopify.com --secret hush --rate 100/s --for 30s --duplicates 5%\n\nbellhop simulate shopify --both --secret hush --orders 100 --updates 20%\n\nbellhop simulate shopify --admin 127.0.0.1:9092 --installed --secret hush --rate 10/m &\nexport BELLHOP_SHOPIFY_ENDPOINT='http://127.0.0.1:9092/{shop}' BELLHOP_SHOPIFY_CLIENT_ID=bellhop-demo-app\nexport BELLHOP_SHOPIFY_SECRET=hush BELLHOP_URL=http://127.0.0.1:8080\nbellhop serve &\nbellhop shop connect demo.myshopify.com"`
	FCM     simulateFCMCmd     `cmd:"" name:"fcm" help:"Answer as Firebase Cloud Messaging does, and show what phones would show." example:"bellhop simulate fcm --addr 127.0.0.1:9090 --latency 80ms --faults \"429=1%,503=1%,ambiguous=1%\""`
}

type simulateShopifyCmd struct {
	Target      string        `name:"target" default:"http://127.0.0.1:8080" placeholder:"URL" help:"bellhop's URL (${default})."`
	Shop        []string      `name:"shop" default:"demo.myshopify.com" placeholder:"DOMAIN" help:"The shops, separated by commas (${default})."`
	Admin       string        `name:"admin" placeholder:"ADDR" help:"Serve the shops' admin here, such as 127.0.0.1:9092: install, OAuth, the Admin API. Webhooks then go where the app subscribes; --target is its URL."`
	ClientID    string        `name:"client-id" env:"BELLHOP_SHOPIFY_CLIENT_ID" default:"bellhop-demo-app" help:"The app's client id, with --admin (${default})."`
	Installed   bool          `name:"installed" help:"With --admin: the app is installed already, as the shop's own organisation does it."`
	Past        int           `name:"past" placeholder:"N" help:"With --admin: how many orders of the last 60 days each shop has at first, which no webhook told of."`
	Events      bool          `name:"events" help:"Orders come as Events, with the webhooks that have no Event. With --admin: beside the webhooks that the app subscribes to."`
	Both        bool          `name:"both" help:"Orders come as Events and as webhooks."`
	Secret      string        `name:"secret" env:"BELLHOP_SHOPIFY_SECRET" required:"" help:"The signing secret. Use a made-up one: other users of this machine can see it."`
	Rate        string        `name:"rate" default:"10/s" help:"The rate of webhooks: 100/s, 30/m, or 0 for as fast as possible. With --admin, 0 and no --orders: none by themselves."`
	For         time.Duration `name:"for" placeholder:"30s" help:"How long to send."`
	Orders      int           `name:"orders" placeholder:"N" help:"How many orders to send."`
	Duplicates  string        `name:"duplicates" default:"0" help:"Share of webhooks to send twice, such as 5%."`
	Shuffle     string        `name:"shuffle" default:"0" help:"Share of webhooks to send late, such as 5%."`
	Updates     string        `name:"updates" default:"0" help:"Share of orders to update, pay, cancel and so on, such as 20%."`
	Poison      string        `name:"poison" default:"0" help:"Share of webhooks with a body that bellhop can't process, such as 1%."`
	Seed        uint64        `name:"seed" default:"1" help:"The same seed makes the same orders."`
	Concurrency int           `name:"concurrency" default:"64" help:"How many requests to send at once."`
	TimeScale   float64       `name:"time-scale" default:"1" help:"Shortens Shopify's four hours of retries: 0.001 makes them 14 seconds."`
	Ledger      string        `name:"ledger" placeholder:"FILE" help:"Write the sent and the acknowledged webhooks to this file, as JSON."`
	RemoteOK    bool          `name:"remote-ok" help:"Allow a target on another machine."`
	JSON        bool          `name:"json" help:"Print the summary as JSON."`
}

func (simulateShopifyCmd) Help() string {
	return `Signs, delivers and retries as Shopify does: it allows one second to connect and five to answer, and tries
eight more times. Without --for and --orders it goes on until interrupted. It fails if it gave up a webhook.

With --admin it is the whole shop: its page at /SHOP/admin installs and uninstalls the app, makes orders and switches
faults on; OAuth and the Admin API are where Shopify has them. POST /_/ACTION does the same as the page's buttons. It
goes on until interrupted.`
}

func (c *simulateShopifyCmd) Run(j *job) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	p := j.progress()
	p.reported = j.now()
	o.Progress = func(s simulate.Summary) { p.show(s.String(), s.String(), false) }
	run := c.send
	if c.Admin != "" {
		run = c.serveAdmin
	}
	ledger, err := run(j, o)
	if err != nil {
		return err
	}
	p.end()
	sum := ledger.Summary()
	err = j.answer(jsonFlag{c.JSON}, sum, "%s", sum)
	if err == nil && c.Ledger != "" {
		err = writeLedger(c.Ledger, ledger)
	}
	if err == nil && sum.GivenUp > 0 {
		err = bellhop.Errorf(bellhop.Internal, "given_up", "%s given up after all tries",
			plural(sum.GivenUp, "webhook"))
	}
	return err
}

func (c *simulateShopifyCmd) send(j *job, o simulate.ShopifyOptions) (*simulate.Ledger, error) {
	deliver := deliverOf(c.Events, c.Both)
	if !deliver.Events() {
		return simulate.RunShopify(j.ctx, o)
	}
	o.Ends = true
	twin, err := c.twin(o, deliver.Webhooks())
	if err != nil {
		return nil, err
	}
	for _, domain := range o.Shops {
		if err := twin.Install(domain); err != nil {
			return nil, err
		}
	}
	return twin.Ledger(), twin.Run(j.ctx)
}

// twin makes whole shops, whose app's configuration subscribes to these webhooks.
func (c *simulateShopifyCmd) twin(o simulate.ShopifyOptions, webhooks []string) (*shop.Twin, error) {
	target, err := url.Parse(o.Target)
	if err != nil {
		return nil, err
	}
	all := shop.Options{Orders: o, ClientID: c.ClientID, Secret: o.Secret, App: target.Scheme + "://" + target.Host,
		Webhooks: shop.ComplianceWebhooks(o.Target), Loopback: true}
	for _, topic := range webhooks {
		all.Webhooks = append(all.Webhooks, shop.Webhook{Topic: topic, URI: o.Target})
	}
	if deliverOf(c.Events, c.Both).Events() {
		all.Events = shopEvents(o.Target)
	}
	return shop.New(all)
}

// shopEvents is the subscription that bellhop shopify toml --events prints.
func shopEvents(uri string) []shop.Events {
	return []shop.Events{{URI: uri, Handle: shopify.EventHandle, Query: shopify.EventQuery(shop.DefaultScopes)}}
}

// serveAdmin serves whole shops until interrupted.
func (c *simulateShopifyCmd) serveAdmin(j *job, o simulate.ShopifyOptions) (*simulate.Ledger, error) {
	if err := checkListen(c.Admin, "--admin", c.RemoteOK); err != nil {
		return nil, err
	}
	twin, err := c.twin(o, nil)
	if err != nil {
		return nil, err
	}
	for _, domain := range o.Shops {
		if err := c.begin(twin, domain, j.now()); err != nil {
			return nil, err
		}
	}
	ready := false
	err = twin.Serve(j.ctx, c.Admin, func(at string) error {
		ready = true
		for _, domain := range o.Shops {
			fmt.Fprintf(j.err, "The admin of %s is at %s/%s/admin\n", domain, at, domain)
		}
		fmt.Fprintf(j.err, "To connect bellhop to it: BELLHOP_SHOPIFY_ENDPOINT='%s/{shop}' BELLHOP_SHOPIFY_CLIENT_ID=%s\n",
			at, c.ClientID)
		return nil
	})
	if err != nil && !ready {
		return nil, cantListen("--admin", c.Admin, err)
	}
	return twin.Ledger(), err
}

// begin brings a shop to where it is at first.
func (c *simulateShopifyCmd) begin(twin *shop.Twin, domain string, now time.Time) error {
	if c.Past != 0 {
		past := simulate.ShopifyOptions{Orders: c.Past, Updates: 0.3}
		if err := twin.Fill(domain, past, now.AddDate(0, 0, -60), now); err != nil {
			return bellhop.Invalidf("usage", "--past: %v", err)
		}
	}
	if !c.Installed {
		return nil
	}
	return twin.Install(domain)
}

// checkListen refuses what is no address, and one that other machines reach unless that is allowed.
func checkListen(addr, flag string, remoteOK bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return bellhop.Invalidf("usage", "%s: %q is not an address: give HOST:PORT, such as 127.0.0.1:9090", flag, addr)
	}
	if !remoteOK && !isLoopback(host) {
		return bellhop.Invalidf("usage", "%s: other machines reach %s: give --remote-ok to allow that", flag, addr)
	}
	return nil
}

func cantListen(flag, addr string, err error) error {
	return &bellhop.Error{Kind: bellhop.Invalid, Code: "usage", Cause: err,
		Message: flag + ": can't listen on " + addr + "; end what listens there, or choose another address"}
}

func (c *simulateShopifyCmd) options() (o simulate.ShopifyOptions, err error) {
	secret, _, _ := strings.Cut(c.Secret, ",") // the newer one, while rotating
	o = simulate.ShopifyOptions{Shops: c.Shop, Secret: secret, Seed: c.Seed, Duration: c.For, Orders: c.Orders,
		Concurrency: c.Concurrency, TimeScale: c.TimeScale, CountsOnly: c.Ledger == ""}
	if o.Target, err = webhookTarget(c.Target, c.RemoteOK); err != nil {
		return o, err
	}
	if c.Rate != "0" {
		if o.Rate, err = simulate.ParseRate(c.Rate); err != nil {
			return o, err
		}
	}
	for _, share := range []struct {
		flag, text string
		to         *float64
	}{
		{"duplicates", c.Duplicates, &o.Duplicates}, {"shuffle", c.Shuffle, &o.Shuffle},
		{"updates", c.Updates, &o.Updates}, {"poison", c.Poison, &o.Poison},
	} {
		if *share.to, err = simulate.ParseShare(share.text); err != nil {
			return o, bellhop.Invalidf("usage", "--%s: %v", share.flag, err)
		}
	}
	return o, nil
}

// webhookTarget adds the endpoint's path to a server's address, and keeps made-up
// orders from other people's machines.
func webhookTarget(target string, remoteOK bool) (string, error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", bellhop.Invalidf("target", "--target: %q is not an address: give one such as http://127.0.0.1:8080",
			target)
	}
	if !remoteOK && !isLoopback(u.Hostname()) {
		return "", bellhop.Invalidf("target",
			"--target: %s is another machine: give --remote-ok to send made-up orders there", u.Hostname())
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = webhook.Path
	}
	return u.String(), nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func writeLedger(path string, l *simulate.Ledger) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	err = l.WriteJSON(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

type simulateFCMCmd struct {
	Addr           string        `name:"addr" default:"127.0.0.1:9090" help:"Where to listen."`
	Latency        time.Duration `name:"latency" default:"0s" placeholder:"80ms" help:"The time to answer."`
	Faults         string        `name:"faults" placeholder:"LIST" help:"Shares of messages to answer with faults, such as 429=1%,503=1%,ambiguous=1%."`
	Project        string        `name:"project" default:"bellhop-demo" help:"The Firebase project."`
	Unlimited      bool          `name:"unlimited" help:"Give phones no budgets: for load tests."`
	Seed           uint64        `name:"seed" default:"1" help:"The same seed makes the same faults."`
	ServiceAccount string        `name:"service-account" default:"bellhop-fcm.json" placeholder:"FILE" help:"Write the service account for bellhop to this file (${default})."`
	RemoteOK       bool          `name:"remote-ok" help:"Allow an address that other machines reach."`
	JSON           bool          `name:"json" help:"Print the counts at the end as JSON."`
}

func (simulateFCMCmd) Help() string {
	return `GET /_/sent lists the messages that phones received, and what each phone shows. The command ends when
interrupted.

--faults knows 403, 429, 500, 502, 503, ambiguous, hang and unregistered for messages, and invalid_grant for requests of
access tokens.`
}

func (c *simulateFCMCmd) Run(j *job) error {
	if err := checkListen(c.Addr, "--addr", c.RemoteOK); err != nil {
		return err
	}
	faults, err := simulate.ParseFaults(c.Faults)
	if err != nil {
		return bellhop.Invalidf("usage", "--faults: %v", err)
	}
	var twin *simulate.FCM
	err = simulate.RunFCM(j.ctx, c.Addr, simulate.FCMOptions{Project: c.Project, Latency: c.Latency, Faults: faults,
		Seed: c.Seed, Unlimited: c.Unlimited}, func(f *simulate.FCM, url string) error {
		twin = f
		return c.ready(j, f, url)
	})
	if err != nil && twin == nil {
		return cantListen("--addr", c.Addr, err)
	}
	if err != nil {
		return err
	}
	return sayCounts(j, c.JSON, twin.Counts())
}

func (c *simulateFCMCmd) ready(j *job, f *simulate.FCM, url string) error {
	path, err := filepath.Abs(c.ServiceAccount)
	if err != nil {
		return err
	}
	if err := f.WriteServiceAccount(path, url); err != nil {
		return err
	}
	fmt.Fprintf(j.err,
		"FCM's stand-in listens at %s; what phones got is at %s/_/sent\nTo send to it: BELLHOP_PUSH=%s\n",
		url, url, fcmURL(path, url))
	return nil
}

// fcmURL is the twin's URL for BELLHOP_PUSH.
func fcmURL(serviceAccount, base string) string {
	return "fcm:" + (&url.URL{Path: serviceAccount}).EscapedPath() + "?" + url.Values{"endpoint": {base}}.Encode()
}

func sayCounts(j *job, asJSON bool, n simulate.Counts) error {
	answers, err := json.Marshal(n.Answers)
	if err != nil {
		return err
	}
	return j.answer(jsonFlag{asJSON}, n, "%d requests, %d taken for phones, %d shown (%d in the place of another), "+
		"%d over a phone's budget; answers %s", n.Requests, n.Taken, n.Shown, n.Replaced, n.Throttled, answers)
}

// runFCM serves a twin beside other work until ctx is done. wait waits for its end.
func runFCM(ctx context.Context, o simulate.FCMOptions, ready func(*simulate.FCM, string) error) (wait func() error,
	err error) {
	return beside(func(up func() error) error {
		return simulate.RunFCM(ctx, "127.0.0.1:0", o, func(f *simulate.FCM, url string) error {
			if err := ready(f, url); err != nil {
				return err
			}
			return up()
		})
	})
}

// beside runs fn beside other work, and returns once it has called ready. wait waits for its end.
func beside(fn func(ready func() error) error) (wait func() error, err error) {
	up, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- fn(func() error { close(up); return nil }) }()
	select {
	case <-up:
		return func() error { return <-ended }, nil
	case err := <-ended:
		return nil, err
	}
}
