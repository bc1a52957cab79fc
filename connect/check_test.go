package connect_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/simulate/shop"
	"bellhop/store"
)

// TestTokensAreRenewedInTime: not with more than a third of their life left, and then at once.
func TestTokensAreRenewedInTime(t *testing.T) {
	r := newRig(t)
	first := r.installed().Connection
	r.clock.pass(39 * time.Minute)
	if now := r.check(demo); now.Token != first.Token {
		t.Error("renewed with more than a third of its life left")
	}
	r.clock.pass(2 * time.Minute)
	second := r.check(demo)
	if second.Token == first.Token || second.RefreshToken == first.RefreshToken || second.RefreshToken == "" ||
		!second.ExpiresAt.Equal(r.clock.Now().Add(time.Hour)) {
		t.Errorf("not renewed: %+v", second)
	}
	r.state(second, bellhop.AccessGood, "")
	r.clock.pass(50 * time.Minute)
	api, err := r.Access(t.Context(), demo)
	r.must(err)
	if _, err := api.Scopes(t.Context()); err != nil || r.connection(demo).Token == second.Token {
		t.Errorf("Access renewed nothing: %v", err)
	}
}

func TestClientCredentialsAreAskedAgain(t *testing.T) {
	r := newRig(t)
	first := r.connected()
	r.clock.pass(17 * time.Hour)
	second := r.check(demo)
	r.state(second, bellhop.AccessGood, "")
	if second.Token == first.Token || second.RefreshToken != "" {
		t.Errorf("not asked again: %+v", second)
	}
}

// TestTroubleWhileRenewing: the same refresh token is good later.
func TestTroubleWhileRenewing(t *testing.T) {
	for name, fault := range map[string]shop.Faults{"520": {RefreshUnknown: 3}, "lost answer": {RefreshCut: 9}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			first := r.installed().Connection
			r.must(r.twin.SetFaults(demo, fault))
			r.clock.pass(45 * time.Minute)
			r.state(r.check(demo), bellhop.AccessRefused, admin.Unavailable)
			if now := r.connection(demo); now.RefreshToken != first.RefreshToken || now.Token != first.Token {
				t.Error("the refresh token changed without an answer")
			}
			if due := r.connection(demo).CheckDue.Sub(r.clock.Now()); due > 2*time.Minute {
				t.Errorf("tried again only after %v", due)
			}
			r.must(r.twin.SetFaults(demo, shop.Faults{}))
			r.clock.pass(time.Hour)
			r.state(r.check(demo), bellhop.AccessGood, "")
		})
	}
}

// TestRefusals: each answer of Shopify's leads to its state.
func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		connect func(*rig) // the demo shop
		trouble func(*rig)
		access  bellhop.AccessState
		reason  admin.Refusal
		heals   bool // when the trouble is over
	}{
		"dead refresh token": {nil, func(r *rig) {
			r.change(demo, func(c *bellhop.Connection) { c.RefreshToken = "shprt_dead" })
			r.clock.pass(2 * time.Hour)
		}, bellhop.AccessLost, admin.ReconnectNeeded, false},
		"wrong secret": {nil, func(r *rig) {
			r.App.Secret = "another"
			r.clock.pass(2 * time.Hour)
		}, bellhop.AccessRefused, admin.WrongCredentials, true},
		"gone": {nil, func(r *rig) {
			r.must(r.twin.SetFaults(demo, shop.Faults{Away: 404}))
			r.clock.pass(2 * time.Hour)
		}, bellhop.AccessLost, admin.ShopGone, true},
		"frozen": {nil, func(r *rig) {
			r.must(r.twin.SetFaults(demo, shop.Faults{Away: 402}))
		}, bellhop.AccessRefused, admin.ShopUnavailable, true},
		"address not allowed": {nil, func(r *rig) {
			r.must(r.twin.SetFaults(demo, shop.Faults{NotAllowed: true}))
		}, bellhop.AccessRefused, admin.AddressNotAllowed, true},
		"no answer": {nil, func(r *rig) {
			r.must(r.twin.SetFaults(demo, shop.Faults{Broken: shop.BrokenServer}))
		}, bellhop.AccessRefused, admin.Unavailable, true},
		"lost scope": {nil, func(r *rig) {
			r.must(r.twin.SetScopes(demo, []string{"read_products"}))
		}, bellhop.AccessRefused, admin.ScopeMissing, false},
		"revoked, and a new one is had": {nil, func(r *rig) {
			r.change(demo, func(c *bellhop.Connection) { c.Token = "shpat_revoked" })
		}, bellhop.AccessGood, "", true},
		"revoked lasting token": {func(r *rig) { ways[bellhop.GrantToken](r) }, func(r *rig) {
			r.change(demo, func(c *bellhop.Connection) { c.Token = "shpat_revoked" })
		}, bellhop.AccessLost, admin.AccessRevoked, false},
		"tokens must expire": {func(r *rig) { ways[bellhop.GrantToken](r) }, func(r *rig) {
			r.must(r.twin.SetFaults(demo, shop.Faults{MustExpire: true}))
		}, bellhop.AccessGood, "", true},
		"not installed any more": {func(r *rig) { r.connected() }, func(r *rig) {
			r.must(r.twin.Uninstall(demo, 0))
		}, bellhop.AccessLost, admin.AppNotInstalled, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			if test.connect == nil {
				test.connect = func(r *rig) { r.installed() }
			}
			test.connect(r)
			test.trouble(r)
			got := r.check(demo)
			r.state(got, test.access, test.reason)
			if test.access != bellhop.AccessGood && (test.reason.Advice() == "" || !got.Since.Equal(r.clock.Now())) {
				t.Errorf("no advice, or since %v", got.Since)
			}
			if test.heals {
				r.must(r.twin.SetFaults(demo, shop.Faults{}))
				r.App.Secret = secret
				r.state(r.check(demo), bellhop.AccessGood, "")
			}
		})
	}
}

// TestMigration: a token that must expire is exchanged once, and renewed like any other.
func TestMigration(t *testing.T) {
	r := newRig(t)
	_, err := ways[bellhop.GrantToken](r)
	r.must(err)
	r.must(r.twin.SetFaults(demo, shop.Faults{MustExpire: true}))
	migrated := r.check(demo)
	if migrated.RefreshToken == "" || migrated.ExpiresAt.IsZero() {
		t.Fatalf("not migrated: %+v", migrated)
	}
	r.clock.pass(50 * time.Minute)
	r.state(r.check(demo), bellhop.AccessGood, "")
}

// TestRetriesSlowDown: bellhop waits as long again as trouble lasts, an hour at most, and a lost connection a day.
func TestRetriesSlowDown(t *testing.T) {
	r := newRig(t)
	r.connected()
	r.must(r.twin.SetFaults(demo, shop.Faults{Broken: shop.BrokenServer}))
	began, tries := r.clock.Now(), 0
	for r.clock.Now().Sub(began) < 24*time.Hour {
		r.clock.pass(max(0, r.connection(demo).CheckDue.Sub(r.clock.Now())))
		r.check(demo)
		tries++
	}
	if tries < 20 || tries > 50 {
		t.Errorf("%d tries on a day of trouble", tries)
	}
	r.must(r.twin.SetFaults(demo, shop.Faults{}))
	r.must(r.twin.Uninstall(demo, 0))
	r.state(r.check(demo), bellhop.AccessLost, admin.AppNotInstalled)
	if due := r.connection(demo).CheckDue.Sub(r.clock.Now()); due < 15*time.Hour {
		t.Errorf("a lost connection is asked again after %v", due)
	}
}

// The owner's phone is told that the access is lost, once.
func TestLossIsPushedOnce(t *testing.T) {
	r := newRig(t)
	owner := r.installed().Owner
	_, err := r.store.PutDevice(t.Context(), bellhop.Device{Shop: demo, PersonID: owner.ID, Installation: "phone",
		Kind: bellhop.AddressToken, Value: "a token", Platform: bellhop.PlatformAndroid, Form: bellhop.FormData,
		AddedAt: r.clock.Now(), SeenAt: r.clock.Now()}, store.DeviceLimits{})
	r.must(err)
	claimed := func() (kinds []bellhop.PushKind) {
		t.Helper()
		owed, err := r.store.ClaimPushes(t.Context(), r.clock.Now(), store.Slots{Free: 10}, time.Hour)
		r.must(err)
		for _, o := range owed {
			kinds = append(kinds, o.Kind)
		}
		return kinds
	}
	r.must(r.twin.Uninstall(demo, time.Hour)) // nothing says so yet
	r.state(r.check(demo), bellhop.AccessLost, admin.ReconnectNeeded)
	if kinds := claimed(); !slices.Equal(kinds, []bellhop.PushKind{bellhop.PushDisconnected}) {
		t.Errorf("pushes %v", kinds)
	}
	r.clock.pass(30 * time.Minute)
	r.check(demo)
	if kinds := claimed(); kinds != nil {
		t.Errorf("once more: %v", kinds)
	}
}

func TestUninstalled(t *testing.T) {
	r := newRig(t)
	conn := r.installed().Connection
	late := func(at time.Time) {
		r.change(demo, func(c *bellhop.Connection) { c.UninstalledAt, c.CheckDue = at, r.clock.Now() })
	}
	// A late one of the install before, and one that is contradicted by a token that works.
	for _, at := range []time.Time{conn.ConnectedAt.Add(-time.Hour), conn.ConnectedAt.Add(time.Second)} {
		r.clock.pass(time.Minute)
		late(at)
		now := r.check(demo)
		r.state(now, bellhop.AccessGood, "")
		if !now.UninstalledAt.IsZero() || now.Token == "" {
			t.Errorf("an uninstall at %v: %+v", at, now)
		}
	}
	// Trouble proves nothing.
	r.must(r.twin.SetFaults(demo, shop.Faults{Broken: shop.BrokenUnknown}))
	late(r.clock.Now())
	now := r.check(demo)
	r.state(now, bellhop.AccessRefused, admin.Unavailable)
	if now.UninstalledAt.IsZero() {
		t.Error("the uninstall is forgotten although nobody could ask")
	}
	r.must(r.twin.SetFaults(demo, shop.Faults{}))
	at := r.clock.Now()
	r.must(r.twin.Uninstall(demo, 0))
	late(at)
	now = r.check(demo)
	if now.Access != bellhop.AccessUninstalled || now.Token != "" || now.RefreshToken != "" {
		t.Errorf("uninstalled: %+v", now)
	}
	shops, err := r.store.Shops(t.Context())
	r.must(err)
	if !shops[0].UninstalledAt.Equal(at) {
		t.Errorf("the shop is uninstalled at %v, want %v", shops[0].UninstalledAt, at)
	}
	if again := r.check(demo); again.Access != bellhop.AccessUninstalled {
		t.Errorf("checked again: %+v", again)
	}
}

// TestALateUninstallOfAMomentAgo: the app is removed and installed again within a minute, and the webhook of the
// removal comes last.
func TestALateUninstallOfAMomentAgo(t *testing.T) {
	r := newRig(t)
	r.installed()
	r.clock.pass(time.Hour)
	for _, before := range []time.Duration{30 * time.Second, time.Second, 0} {
		r.must(r.twin.Uninstall(demo, time.Hour)) // whose webhook is late
		removed := r.clock.Now()
		r.clock.pass(before)
		conn := r.installed().Connection
		_, err := r.store.Record(t.Context(), []bellhop.Fact{{At: r.clock.Now(),
			Event: &bellhop.Event{ID: bellhop.EventID{15: byte(before / time.Second)}, Shop: demo, Topic: "app/uninstalled",
				TriggeredAt: removed, AcceptedAt: r.clock.Now(), Body: []byte("{}")},
			Shop: &bellhop.ShopNews{At: removed, Uninstalled: true}}})
		r.must(err)
		// The clocks may differ, so that the store may not know which came first.
		r.change(demo, func(c *bellhop.Connection) { c.UninstalledAt = removed })
		now := r.check(demo)
		r.state(now, bellhop.AccessGood, "")
		shop, err := r.store.Shop(t.Context(), demo)
		r.must(err)
		if now.Token != conn.Token || !now.UninstalledAt.IsZero() || !shop.UninstalledAt.IsZero() {
			t.Errorf("removed %v before: the shop is uninstalled at %v, with %+v", before, shop.UninstalledAt, now)
		}
	}
}

// TestSubscriptionsComeBack: what is missing is made, what is double or at our former address goes, what is of others
// stays.
func TestSubscriptionsComeBack(t *testing.T) {
	r := newRig(t)
	r.connected()
	wanted := len(shopify.Wanted())
	r.must(r.twin.DropSubscriptions(demo, "orders/create"))
	if n := r.subscribed(demo, base+shopify.WebhookPath); n != wanted-1 {
		t.Fatalf("%d subscriptions", n)
	}
	due := r.connection(demo).CheckDue.Sub(r.clock.Now())
	if due > 15*time.Minute {
		t.Errorf("the next check is after %v", due)
	}
	r.clock.pass(due)
	back := r.check(demo)
	if connect.Missing(back.Subscriptions) != 0 || r.subscribed(demo, base+shopify.WebhookPath) != wanted {
		t.Errorf("checked: %+v", back.Subscriptions)
	}
	api, err := r.Access(t.Context(), demo)
	r.must(err)
	const others, staging = "https://team.example/webhooks/shopify", "https://staging.example/webhooks/shopify"
	for _, at := range []string{others, staging} {
		r.must(api.Subscribe(t.Context(), "orders/create", at))
	}
	r.URL = "https://new.example"
	r.state(r.check(demo), bellhop.AccessGood, "")
	for at, want := range map[string]int{base + shopify.WebhookPath: 0, r.URL + shopify.WebhookPath: wanted, others: 1,
		staging: 1} {
		if n := r.subscribed(demo, at); n != want {
			t.Errorf("%d subscriptions at %s, want %d", n, at, want)
		}
	}
}

// TestSubscriptionsGoToTheEventSource once there is one, and those at the endpoint go; and back.
func TestSubscriptionsGoToTheEventSource(t *testing.T) {
	r := newRig(t)
	wanted := len(r.connected().Subscriptions)
	const source = "arn:aws:events:eu-west-1::event-source/aws.partner/shopify.com/4711/orders"
	for _, to := range []string{source, ""} {
		r.Source = to
		for range 2 { // the second finds all
			if conn := r.check(demo); connect.Missing(conn.Subscriptions) != 0 {
				t.Errorf("%+v", conn.Subscriptions)
			}
			atSource, here := r.subscribed(demo, source), r.subscribed(demo, base+shopify.WebhookPath)
			if (to != "") != (atSource == wanted) || (to == "") != (here == wanted) || atSource+here != wanted {
				t.Errorf("%d subscriptions at the source, %d here", atSource, here)
			}
		}
	}
}

// TestRefusedTopicsAreSaid: the others are subscribed all the same.
func TestRefusedTopicsAreSaid(t *testing.T) {
	r := newRig(t)
	r.must(r.twin.SetFaults(demo, shop.Faults{Protected: shop.ProtectedOrders}))
	conn := r.connected()
	r.state(conn, bellhop.AccessGood, "")
	for _, s := range conn.Subscriptions {
		free := strings.HasPrefix(s.Topic, "app/") || strings.HasPrefix(s.Topic, "shop/")
		if free != s.There || free != (s.Refusal == "") || !free && s.Refusal != string(admin.ProtectedData) {
			t.Errorf("%+v", s)
		}
	}
	r.must(r.twin.SetFaults(demo, shop.Faults{}))
	if now := r.check(demo); connect.Missing(now.Subscriptions) != 0 {
		t.Errorf("approved: %+v", now.Subscriptions)
	}
}

func TestAPlainAddressIsRefused(t *testing.T) {
	r := newRig(t)
	r.URL = "http://127.0.0.1:8080"
	conn := r.connected()
	if i := slices.IndexFunc(conn.Subscriptions, func(s bellhop.Subscription) bool {
		return s.There || s.Refusal != string(admin.AddressRefused)
	}); i >= 0 {
		t.Errorf("%+v", conn.Subscriptions[i])
	}
}

// TestWhatComesMeanwhileStays: a webhook that asks for a check while one is under way gets another.
func TestWhatComesMeanwhileStays(t *testing.T) {
	r := newRig(t)
	r.connected()
	at := r.clock.Now()
	r.Probe = func(p connect.Point) {
		if p == connect.PointLooked {
			r.change(demo, func(c *bellhop.Connection) { c.UninstalledAt, c.CheckDue = at.Add(time.Second), at })
		}
	}
	r.clock.pass(time.Minute)
	r.check(demo)
	if now := r.connection(demo); !now.CheckDue.Equal(at) || now.UninstalledAt.IsZero() {
		t.Errorf("forgotten: %+v", now)
	}
}

// TestAnOldUninstallEndsNoNewInstall: a check that took longer than its lease meets an install of meanwhile.
func TestAnOldUninstallEndsNoNewInstall(t *testing.T) {
	r := newRig(t)
	conn := r.installed().Connection
	r.clock.pass(time.Minute)
	r.must(r.twin.Uninstall(demo, 0))
	r.change(demo, func(c *bellhop.Connection) { c.UninstalledAt, c.CheckDue = r.clock.Now(), r.clock.Now() })
	anew := conn
	anew.Token, anew.ConnectedAt, anew.UninstalledAt = "new", r.clock.Now().Add(time.Minute), time.Time{}
	r.Probe = func(p connect.Point) {
		if p == connect.PointLooked {
			r.must(r.store.PutConnection(t.Context(), anew))
		}
	}
	r.check(demo)
	is, err := r.store.Shop(t.Context(), demo)
	r.must(err)
	if now := r.connection(demo); now.Token != "new" || now.Access != bellhop.AccessGood || !is.UninstalledAt.IsZero() {
		t.Errorf("the new install is %+v, of a shop uninstalled at %v", now, is.UninstalledAt)
	}
}

// TestConnectedAnewMeanwhile: an old look changes nothing of a new connection.
func TestConnectedAnewMeanwhile(t *testing.T) {
	r := newRig(t)
	old := r.installed().Connection
	r.change(demo, func(c *bellhop.Connection) { c.RefreshToken = "shprt_dead" })
	r.clock.pass(2 * time.Hour)
	anew := old
	anew.ConnectedAt, anew.Token, anew.RefreshToken = r.clock.Now(), "shpat_new", "shprt_new"
	r.answers = func(*http.Request, *http.Response) { r.must(r.store.PutConnection(t.Context(), anew)) }
	now := r.check(demo)
	if now.Token != "shpat_new" || now.Access != bellhop.AccessGood {
		t.Errorf("the new connection: %+v", now)
	}
}

// TestEventsTakeThePlaceOfWebhooks only where they come, and as long as they do.
func TestEventsTakeThePlaceOfWebhooks(t *testing.T) {
	r := newRig(t)
	r.connected()
	address, wanted, beside := base+shopify.WebhookPath, len(shopify.Wanted()), len(shopify.BesideEvents())
	comes := func(n byte) {
		_, err := r.store.Record(t.Context(), []bellhop.Fact{{At: r.clock.Now(), Skip: bellhop.ReasonTopicUnhandled,
			Event: &bellhop.Event{ID: bellhop.EventID{15: n}, Shop: demo, Topic: shopify.TopicEventUpdate,
				AcceptedAt: r.clock.Now(), Body: []byte("{}")}}})
		r.must(err)
	}
	has := func(n int, when string) {
		t.Helper()
		if c := r.check(demo); r.subscribed(demo, address) != n || len(c.Subscriptions) != n ||
			connect.Missing(c.Subscriptions) != 0 {
			t.Errorf("%s there are %d subscriptions, and %d are known; want %d", when, r.subscribed(demo, address),
				len(c.Subscriptions), n)
		}
	}
	r.App.Events = true
	has(wanted, "before the first Event")
	comes(1)
	has(beside, "after it")
	r.clock.pass(7*24*time.Hour - time.Second)
	has(beside, "while they come")
	r.clock.pass(time.Second)
	has(wanted, "once none came for a week")
	comes(2)
	has(beside, "when they come again")
	r.App.Events = false
	has(wanted, "without the setting")
}
