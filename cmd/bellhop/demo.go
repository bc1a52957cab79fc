package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/simulate"
	"bellhop/web"
	"bellhop/wire"
)

type demoCmd struct {
	Addr string `name:"addr" default:"127.0.0.1:8080" help:"Where to listen (${default})."`
	Rate string `name:"rate" default:"2/s" help:"How many webhooks the shop sends (${default})."`
	Dir  string `name:"dir" placeholder:"DIR" help:"Keep the data here. Without it they are in a temporary folder and removed at the end."`
}

// Help implements kong.HelpProvider.
func (demoCmd) Help() string {
	return `A simulated shop sends orders to bellhop, which records them and rings a simulated phone. Nothing leaves the machine. Ctrl-C ends it.

Example:

  bellhop demo --addr 127.0.0.1:8080 --rate 5/s`
}

// Who and what takes part in the demo.
const (
	demoShop  = "demo.myshopify.com"
	demoEmail = "owner@demo.example"
	demoPhone = "demo-phone"
)

// demo is the whole journey in one process.
type demo struct {
	*engine
	dir      string
	token    string // the phone's
	password string
	link     string // signs the owner in once
	fcm      *simulate.FCM
	shopify  *simulate.Shopify
	before   tally // what an earlier demo left in the folder
}

// Run implements the command.
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
	gatherGarbageLess()
	j.log = slog.New(slog.NewTextHandler(j.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	e, err := newEngine(j, &wire.Config{
		Working: wire.Working{Storage: wire.Storage{Dir: dir, DB: "sqlite:", Queue: "sqlite:"}, KeepBodies: 30 * 24 * time.Hour},
		Addr:    c.Addr, ShopifySecret: rand.Text(),
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
	d := &demo{engine: e, dir: dir}
	return d.run(rate, c.Dir == "")
}

func demoFolder(dir string) (path string, remove func(), err error) {
	if dir != "" {
		return dir, func() {}, os.MkdirAll(dir, 0o700)
	}
	path, err = os.MkdirTemp("", "bellhop-demo-")
	return path, func() { os.RemoveAll(path) }, err
}

// ending tells how something in the background ended, once done is closed.
type ending struct {
	done chan struct{}
	err  error
}

// run starts the phone's side first and ends it last, so that nothing is sent
// to what isn't there.
func (d *demo) run(rate float64, temporary bool) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.job.ctx))
	defer cancel()
	waitFCM, err := runFCM(ctx, simulate.FCMOptions{Latency: 80 * time.Millisecond}, d.fcmReady)
	if err != nil {
		return err
	}
	if err := d.open(true); err != nil {
		return err
	}
	if err := d.furnish(); err != nil {
		return err
	}
	if err := d.openShop(rate); err != nil {
		return err
	}
	serving, stopServing := context.WithCancel(ctx)
	served := &ending{done: make(chan struct{})}
	d.options.Record, d.options.Notify, d.options.Drawer = true, true, http.HandlerFunc(d.drawer)
	go func() {
		defer close(served.done)
		served.err = host.Serve(serving, d.options)
	}()
	d.welcome(temporary)

	err = d.watch(served.done)
	d.settle(serving)
	stopServing()
	<-served.done
	if !errors.Is(served.err, context.Canceled) { // it may have been ended while it began
		err = errors.Join(err, served.err)
	}
	d.job.endProgress()
	if n, e := d.count(ctx); e == nil {
		d.job.say("%s", n)
	}
	cancel()
	return errors.Join(err, waitFCM())
}

// fcmReady points bellhop to the twin.
func (d *demo) fcmReady(f *simulate.FCM, url string) error {
	d.fcm = f
	path, err := filepath.Abs(filepath.Join(d.dir, "fcm-service-account.json"))
	if err != nil {
		return err
	}
	d.config.Push = fcmURL(path, url)
	return f.WriteServiceAccount(path, url)
}

// furnish adds the shop, its owner and the phone, unless an earlier demo did.
func (d *demo) furnish() error {
	ctx, s, now := d.job.ctx, d.parts.Store, d.job.stamp()
	err := s.AddShop(ctx, bellhop.Shop{Domain: demoShop, AddedAt: now})
	if err != nil && bellhop.KindOf(err) != bellhop.Conflict {
		return err
	}
	owner, err := d.owner(now)
	if err != nil {
		return err
	}
	// The same phone in every demo. The app shows what comes (form data), since
	// FCM gives such messages the larger budget.
	d.token = simulate.NewToken(mathrand.New(mathrand.NewPCG(1, 1)))
	_, err = s.PutDevice(ctx, bellhop.Device{Shop: demoShop, PersonID: owner.ID, Installation: demoPhone,
		Kind: bellhop.AddressToken, Value: d.token, Platform: bellhop.PlatformAndroid, Form: bellhop.FormData,
		Locale: "en-US", Timezone: "UTC", AddedAt: now, SeenAt: now})
	if err != nil {
		return err
	}
	var link bellhop.SignInLink
	d.link, link = web.NewSignInLink(owner.ID, now)
	if err := s.AddLink(ctx, link); err != nil {
		return err
	}
	d.before, err = d.count(ctx)
	return err
}

// owner returns the shop's owner, with a new password.
func (d *demo) owner(now time.Time) (bellhop.Person, error) {
	ctx, s := d.job.ctx, d.parts.Store
	d.password = strings.ToLower(rand.Text()[:12])
	hash, err := web.HashPassword(d.password)
	if err != nil {
		return bellhop.Person{}, err
	}
	p, err := s.AddPerson(ctx, bellhop.Person{Email: demoEmail, Role: bellhop.RoleOwner, Shop: demoShop, PasswordHash: hash, AddedAt: now})
	if bellhop.KindOf(err) != bellhop.Conflict {
		return p, err
	}
	if p, err = s.PersonByEmail(ctx, demoEmail); err != nil {
		return p, err
	}
	return p, s.SetPassword(ctx, p.ID, hash)
}

// openShop makes the twin that sends. Its orders differ from those of earlier
// demos.
func (d *demo) openShop(rate float64) (err error) {
	d.shopify, err = simulate.NewShopify(simulate.ShopifyOptions{
		Target: d.address() + web.WebhookPath, Shops: []string{demoShop}, Secret: d.options.AppSecret,
		Seed: uint64(d.job.now().UnixNano()), Rate: rate, Duplicates: 0.05, Updates: 0.3,
	})
	return err
}

// address is where a browser on this machine reaches the console.
func (d *demo) address() string {
	addr := d.options.Listener.Addr().(*net.TCPAddr)
	if addr.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", addr.Port)
	}
	return "http://" + addr.String()
}

func (d *demo) welcome(temporary bool) {
	kept := "kept in " + d.dir
	if temporary {
		kept = "in " + d.dir + ", removed at the end"
	}
	d.job.say(`bellhop demo: the simulated shop %s sends orders, and its owner's simulated phone rings.

  Open   %s/signin?once=%s

The link signs you in once; after that, sign in with %s and %s.
You see each order as it is recorded, and beside it the phone with what it shows.
Webhooks come twice, and orders are paid, changed and cancelled: each rings once.

Data is %s. Ctrl-C ends the demo.
`, demoShop, d.address(), d.link, demoEmail, d.password, kept)
}

// maxSlots is how many notifications of the phone are shown, the newest ones.
const maxSlots = 50

// drawer answers with what the phone shows.
func (d *demo) drawer(w http.ResponseWriter, _ *http.Request) {
	type slot struct {
		Title string `json:"title"`
		Body  string `json:"body"`
	}
	shown := d.fcm.Drawer(d.token)
	slots := []slot{}
	for _, s := range shown[max(0, len(shown)-maxSlots):] {
		slots = append(slots, slot{s.Title, s.Body})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"slots": slots}) // whoever asked is gone if this fails
}

// watch has the shop send until the demo is to end, and tells how far it is.
func (d *demo) watch(served <-chan struct{}) error {
	ctx, cancel := context.WithCancel(d.job.ctx)
	defer cancel()
	sent := make(chan error, 1)
	go func() { sent <- d.shopify.Run(ctx) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	tell := d.job.progress()
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
				tell(n)
			}
		}
	}
}

var errServerEnded = errors.New("the server ended before the demo did")

// settle gives what was sent a moment to arrive at the phone.
func (d *demo) settle(ctx context.Context) {
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

// tally is how many got how far.
type tally struct {
	sent, acknowledged, recorded, pushed, shown int64
	owed                                        int64 // beyond the phone's budget: they wait, and go out together
}

func (t tally) String() string {
	line := fmt.Sprintf("%s sent, %d acknowledged, %d recorded; %s sent, %s on the phone", plural(int(t.sent), "webhook"),
		t.acknowledged, t.recorded, plural(int(t.pushed), "push"), plural(int(t.shown), "notification"))
	if t.owed > 0 {
		line += fmt.Sprintf("; %s waiting for FCM's budget of a phone", plural(int(t.owed), "push"))
	}
	return line
}

func (d *demo) count(ctx context.Context) (t tally, err error) {
	if d.shopify != nil {
		s := d.shopify.Ledger().Summary()
		t.sent, t.acknowledged = int64(s.Deliveries), int64(s.Acknowledged)
	}
	outcomes, err := d.parts.Store.Totals(ctx)
	if err != nil {
		return t, err
	}
	t.recorded = outcomes[bellhop.OutcomeRecorded] + outcomes[bellhop.OutcomeDuplicate] + outcomes[bellhop.OutcomeStale]
	pushes, err := d.parts.Store.PushCounts(ctx)
	t.recorded -= d.before.recorded
	t.pushed, t.owed = pushes[bellhop.PushSent]-d.before.pushed, pushes[bellhop.PushPending]
	t.shown = int64(len(d.fcm.Drawer(d.token)))
	return t, err
}
