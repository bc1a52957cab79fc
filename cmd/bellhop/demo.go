package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/demo"
	"bellhop/host"
	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/web"
	"bellhop/web/webhook"
	"bellhop/wire"
)

type demoCmd struct {
	Addr      string `name:"addr" default:"127.0.0.1:8080" help:"Where to listen."`
	Rate      string `name:"rate" default:"2/s" help:"The rate of the shop's webhooks."`
	Installed bool   `name:"installed" help:"The shop is connected from the beginning, without a click on Install."`
	Events    bool   `name:"events" help:"The shop sends Shopify's Events beside its webhooks."`
	Dir       string `name:"dir" placeholder:"DIR" help:"Keep the data here. Without it the demo uses a temporary folder and removes it at the end."`
}

func (demoCmd) Help() string {
	return `A simulated shop installs bellhop, as a merchant does, and sends it orders; bellhop records them and rings a
simulated phone. Nothing leaves the machine. Ctrl-C ends it.`
}

// The demo's shop and people.
const (
	demoShop  = "demo.myshopify.com"
	demoEmail = "owner@demo.example"
	// The operator has no password, and signs in only with the link.
	demoOperator = "operator@demo.example"
)

// demonstration is the demo: the whole journey in one process.
type demonstration struct {
	*engine
	dir      string
	password string
	link     string // signs the owner in once
	desk     string // signs an operator in once
	fcm      *simulate.FCM
	phone    *demoPhone
	shop     *shop.Twin
	admin    string       // address of the shop's admin
	numbers  atomic.Int64 // the last order's
	fetched  atomic.Int64 // events of orders that bellhop fetched
	buttons  *demoButtons
	before   demo.Balance // of an earlier demo in the same folder
	pushed   int64        // by it
}

func (c *demoCmd) Run(j *job) (err error) {
	rate, err := simulate.ParseRate(c.Rate)
	if err != nil {
		return err
	}
	dir, remove, err := demoFolder(c.Dir)
	if err != nil {
		return err
	}
	defer remove()
	host.RelaxGC()
	j.log = slog.New(slog.NewTextHandler(j.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	e, err := newEngine(j, &wire.Config{
		Working: wire.Working{Storage: wire.Storage{Dir: dir, DB: "sqlite:", Queue: "sqlite:"},
			Shopify: wire.Shopify{ShopifySecret: rand.Text()}, KeepBodies: 30 * 24 * time.Hour},
		Addr: c.Addr, MaxDevices: 500,
	})
	if err != nil {
		return err
	}
	defer e.close(&err)
	if err := e.config.Check(); err != nil {
		return err
	}
	if err := e.listen(); err != nil {
		return err
	}
	d := &demonstration{engine: e, dir: dir}
	return d.run(rate, c.Installed, c.Events, c.Dir == "")
}

func demoFolder(dir string) (path string, remove func(), err error) {
	if dir != "" {
		return dir, func() {}, os.MkdirAll(dir, 0o700)
	}
	path, err = os.MkdirTemp("", "bellhop-demo-")
	return path, func() { os.RemoveAll(path) }, err
}

// run starts the phone's side first and ends it last, so that every push has a
// receiver.
func (d *demonstration) run(rate float64, installed, events, temporary bool) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.job.ctx))
	defer cancel()
	d.phone = newDemoPhone()
	waitFCM, err := runFCM(ctx, simulate.FCMOptions{Latency: fcmLatency, OnSend: d.phone.take}, d.fcmReady)
	if err != nil {
		return err
	}
	waitShop, err := d.openShop(ctx, rate, events)
	if err != nil {
		return err
	}
	if err := d.open(true, true); err != nil {
		return err
	}
	d.options.Reconciler.Queue = fetching{d.parts.Queue, &d.fetched}
	if err := d.addPeople(installed); err != nil {
		return err
	}
	if installed {
		if err := d.connect(ctx); err != nil {
			return err
		}
	}
	d.options.Keep = true
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()
	served, servedErr := make(chan struct{}), error(nil) // once served is closed
	// The worker is separate, so that a button can stop it.
	d.buttons = newDemoButtons(serving, d)
	site, err := d.site(d.options.Queue, 0)
	if err != nil {
		return d.job.unlessEnded(err)
	}
	pages := demo.Wrap(site.Handler(), d.buttons, d.options.Store, d.job.now, d.job.log)
	d.serve(d.listener, d.connecting(pages), site.Close)
	d.buttons.startWorker()
	d.buttons.work.Go(func() { d.phone.run(serving, d) })
	go func() {
		defer close(served)
		servedErr = host.Run(serving, d.options)
	}()
	d.welcome(temporary)

	err = d.watch(served)
	d.awaitPushes(serving)
	stopServing()
	<-served
	d.buttons.end()
	if !errors.Is(servedErr, context.Canceled) { // it may have ended at its start
		err = errors.Join(err, servedErr)
	}
	d.job.progress().end()
	if n, e := d.count(ctx); e == nil {
		d.job.say("%s", n)
	}
	cancel()
	return errors.Join(err, waitFCM(), waitShop())
}

// fcmReady points bellhop to the twin.
func (d *demonstration) fcmReady(f *simulate.FCM, url string) error {
	d.fcm = f
	path, err := filepath.Abs(filepath.Join(d.dir, "fcm-service-account.json"))
	if err != nil {
		return err
	}
	d.config.Push = fcmURL(path, url)
	return f.WriteServiceAccount(path, url)
}

// addPeople adds the shop, its people and the phone, unless an earlier demo did.
func (d *demonstration) addPeople(installed bool) error {
	ctx, s, now := d.job.ctx, d.parts.Store, d.job.stamp()
	err := s.AddShop(ctx, bellhop.Shop{Domain: demoShop, AddedAt: now})
	if err != nil && bellhop.KindOf(err) != bellhop.Conflict {
		return err
	}
	owner, err := d.owner(now, installed)
	if err != nil {
		return err
	}
	// The same phone in every demo. Its form is data, since FCM gives such messages
	// the larger budget.
	d.phone.device = bellhop.Device{Shop: demoShop, PersonID: owner.ID, Installation: "demo-phone",
		Kind: bellhop.AddressToken, Value: simulate.NewToken(mathrand.New(mathrand.NewPCG(1, 1))),
		Platform: bellhop.PlatformAndroid, Form: bellhop.FormData, Locale: "en-US", Timezone: "UTC", AddedAt: now,
		SeenAt: now}
	if _, err = s.PutDevice(ctx, d.phone.device, store.DeviceLimits{}); err != nil {
		return err
	}
	operator, err := d.person(bellhop.Person{Email: demoOperator, Role: bellhop.RoleOperator, AddedAt: now})
	if err != nil {
		return err
	}
	for to, who := range map[*string]bellhop.Person{&d.link: owner, &d.desk: operator} {
		var link bellhop.SignInLink
		*to, link = web.NewSignInLink(who.ID, now)
		if err := s.AddLink(ctx, link); err != nil {
			return err
		}
	}
	if d.before, err = d.countEvents(ctx); err != nil {
		return err
	}
	// Each order had an event at least, so that no number comes twice.
	d.numbers.Store(simulate.FirstNumber + d.before.Sum())
	pushes, err := s.PushCounts(ctx)
	d.pushed = pushes[bellhop.PushSent]
	return err
}

// owner returns the shop's owner. Where bellhop is still to be installed, the account is as an install makes it: so
// installing signs them in, as it does a new owner. Else they get a new password.
func (d *demonstration) owner(now time.Time, installed bool) (bellhop.Person, error) {
	owner := bellhop.Person{Email: demoEmail, Role: bellhop.RoleOwner, Shop: demoShop, AddedAt: now}
	if !installed {
		owner.Unproven = true
		return d.person(owner)
	}
	d.password = strings.ToLower(rand.Text()[:12])
	hash, err := web.HashPassword(d.password)
	if err != nil {
		return bellhop.Person{}, err
	}
	owner.PasswordHash = hash
	return d.person(owner)
}

// person adds a person, or gives an earlier demo's person a new password.
func (d *demonstration) person(want bellhop.Person) (bellhop.Person, error) {
	ctx, s := d.job.ctx, d.parts.Store
	p, err := s.AddPerson(ctx, want)
	if bellhop.KindOf(err) != bellhop.Conflict {
		return p, err
	}
	if p, err = s.PersonByEmail(ctx, want.Email); err != nil || want.PasswordHash == "" {
		return p, err
	}
	return p, s.SetPassword(ctx, p.ID, want.PasswordHash)
}

// openShop serves Shopify's twin, and points bellhop to it. wait waits for its end.
func (d *demonstration) openShop(ctx context.Context, rate float64, events bool) (wait func() error, err error) {
	hooks := d.address() + webhook.Path
	var subscribed []shop.Events
	if events {
		subscribed = shopEvents(hooks)
	}
	d.shop, err = shop.New(shop.Options{Secret: d.config.ShopifySecret, App: d.address(), Loopback: true,
		Webhooks: shop.ComplianceWebhooks(hooks), Events: subscribed, Orders: simulate.ShopifyOptions{
			Shops: []string{demoShop}, Rate: rate, Duplicates: 0.05, Updates: 0.3,
			Seed:        uint64(d.job.now().UnixNano()), // so that orders differ from all before
			OneCurrency: true,                           // so that a digest has a sum
			Numbers:     &d.numbers, CountsOnly: true,
		}})
	if err != nil {
		return nil, err
	}
	return beside(func(ready func() error) error {
		return simulate.Serve(ctx, "the Shopify twin", "127.0.0.1:0", d.shop, func(at string) error {
			d.admin = at + "/" + demoShop + "/admin"
			d.config.URL, d.config.ShopifyClientID = d.address(), shop.DefaultClientID
			d.config.ShopifyEndpoint = at + "/{shop}"
			return ready()
		})
	})
}

// connect connects the shop as its own organisation does, unless somebody has installed bellhop.
func (d *demonstration) connect(ctx context.Context) error {
	state, err := d.shop.State(demoShop)
	if err != nil || state.Installed {
		return err
	}
	if err := d.shop.Install(demoShop); err != nil {
		return err
	}
	_, err = d.options.Connector.ClientCredentials(ctx, demoShop)
	return err
}

// connecting lets people sign in by a printed link without a click on Install: their shop is connected then.
func (d *demonstration) connecting(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/signin" {
			if err := d.connect(r.Context()); err != nil {
				d.job.log.Error("connect the demo's shop", "err", err)
			}
		}
		pages.ServeHTTP(w, r)
	})
}

// address is the console's address for a browser on this machine.
func (d *demonstration) address() string {
	addr := d.listener.Addr().(*net.TCPAddr)
	if addr.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", addr.Port)
	}
	return "http://" + addr.String()
}

func (d *demonstration) welcome(temporary bool) {
	kept := "kept in " + d.dir
	if temporary {
		kept = "in " + d.dir + ", removed at the end"
	}
	later := ""
	if d.password != "" {
		later = "; after\nthat, sign in with " + demoEmail + " and " + d.password
	}
	d.job.say(`bellhop demo: the simulated shop %s has orders, and its owner's simulated phone rings.

  Install   %s

Press "Install" there, as a merchant does: bellhop asks for access, subscribes to the shop's webhooks and signs you
in. You see each order as it is recorded, and beside it the phone with what it shows.
Webhooks come twice, and orders are paid, changed and cancelled: each rings once.
The buttons send a flash sale, break Firebase or stop the worker.

Without a click on "Install", the first link connects the shop and signs you in once, when you press its button%s.
In another browser, the second shows what an operator sees:

  Open   %s/signin?once=%s
  Open   %s/signin?once=%s

Data is %s. Ctrl-C ends the demo.
`, demoShop, d.admin, later, d.address(), d.link, d.address(), d.desk, kept)
}

// watch lets the shop send until the demo ends, and prints its progress.
func (d *demonstration) watch(served <-chan struct{}) error {
	ctx, cancel := context.WithCancel(d.job.ctx)
	defer cancel()
	sent := make(chan error, 1)
	go func() { sent <- d.shop.Run(ctx) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	p := d.job.progress()
	p.reported = d.job.now()
	for {
		select {
		case err := <-sent:
			return err
		case <-served:
			cancel()
			<-sent
			return errServerEnded
		case <-tick.C:
			if n, err := d.count(ctx); err == nil {
				p.show(n.String(), n.String(), false)
			}
		}
	}
}

var errServerEnded = errors.New("the server ended before the demo did")

// awaitPushes gives the last pushes a moment to arrive at the phone.
func (d *demonstration) awaitPushes(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil && d.job.hard.Err() == nil {
		q, err := d.parts.Queue.Depth(ctx)
		pushes, err2 := d.parts.Store.PushCounts(ctx)
		if err != nil || err2 != nil || q.Waiting+q.Leased+int(pushes[bellhop.PushPending]+pushes[bellhop.PushSending]) == 0 {
			return
		}
		<-tick.C
	}
}
