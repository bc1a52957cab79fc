package connect_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/simulate/shop"
	"bellhop/web/webhook"
)

func TestTheAddressIsTheEndpoints(t *testing.T) {
	if shopify.WebhookPath != webhook.Path {
		t.Errorf("subscribed is %s, served is %s", shopify.WebhookPath, webhook.Path)
	}
}

// ways are the ways to connect the demo shop.
var ways = map[bellhop.Grant]func(*rig) (connect.Connected, error){
	bellhop.GrantClientCredentials: func(r *rig) (connect.Connected, error) {
		r.must(r.twin.Install(demo))
		return r.ClientCredentials(r.Context(), demo)
	},
	bellhop.GrantAuthorizationCode: func(r *rig) (connect.Connected, error) {
		done, _, err := r.Code(r.Context(), demo, r.code(demo))
		return done, err
	},
	bellhop.GrantTokenExchange: func(r *rig) (connect.Connected, error) {
		r.must(r.twin.Install(demo))
		token, err := r.twin.IDToken(demo, "owner")
		r.must(err)
		return r.IDToken(r.Context(), token)
	},
	bellhop.GrantToken: func(r *rig) (connect.Connected, error) {
		r.must(r.twin.Install(demo))
		token, err := r.twin.LastingToken(demo)
		r.must(err)
		return r.Token(r.Context(), demo, admin.Tokens{Token: token})
	},
}

func TestConnecting(t *testing.T) {
	for grant, connect := range ways {
		t.Run(string(grant), func(t *testing.T) {
			r := newRig(t)
			done, err := connect(r)
			r.must(err)
			conn := done.Connection
			r.state(conn, bellhop.AccessGood, "")
			if !done.First || !done.New || done.Owner.ID == 0 || done.Owner.RoleIn(demo) != bellhop.RoleOwner ||
				conn.Grant != grant || conn.Token == "" || len(conn.Scopes) == 0 || conn.CheckedAt.IsZero() {
				t.Errorf("connected: %+v, %+v", done, conn)
			}
			if (grant == bellhop.GrantToken) != conn.ExpiresAt.IsZero() ||
				(grant == bellhop.GrantAuthorizationCode || grant == bellhop.GrantTokenExchange) != (conn.RefreshToken != "") {
				t.Errorf("tokens: %+v", conn)
			}
			if done.Shop.Name != "Demo" || done.Shop.Currency != "USD" || done.Shop.InfoAt.IsZero() {
				t.Errorf("the shop: %+v", done.Shop)
			}
			wanted := len(shopify.Wanted())
			if n := r.subscribed(demo, base+connect2); n != wanted || len(conn.Subscriptions) != wanted {
				t.Errorf("%d subscriptions at Shopify, %d kept, want %d", n, len(conn.Subscriptions), wanted)
			}
			if proven := grant == bellhop.GrantTokenExchange; done.Owner.Unproven == proven {
				t.Errorf("the owner's address is unproven: %v", done.Owner.Unproven)
			}
			again, err := connect(r)
			r.must(err)
			if again.First || again.Owner.ID != done.Owner.ID || again.New != done.Owner.Unproven {
				t.Errorf("connected again: %+v", again)
			}
		})
	}
}

const connect2 = shopify.WebhookPath

// TestNothingIsHalfConnected: what Shopify refuses leaves nothing behind.
func TestNothingIsHalfConnected(t *testing.T) {
	credentials := ways[bellhop.GrantClientCredentials]
	for name, test := range map[string]struct {
		connect func(*rig) (connect.Connected, error)
		want    admin.Refusal
	}{
		"not installed": {func(r *rig) (connect.Connected, error) {
			return r.ClientCredentials(r.Context(), demo)
		}, admin.AppNotInstalled},
		"of another organisation": {func(r *rig) (connect.Connected, error) {
			return r.ClientCredentials(r.Context(), away)
		}, admin.OtherOrganisation},
		"unknown": {func(r *rig) (connect.Connected, error) {
			return r.ClientCredentials(r.Context(), "nobody.myshopify.com")
		}, admin.ShopGone},
		"lacking a scope": {func(r *rig) (connect.Connected, error) {
			r.must(r.twin.SetScopes(demo, []string{"read_products"}))
			return r.ClientCredentials(r.Context(), demo)
		}, admin.ScopeMissing},
		"wrong secret": {func(r *rig) (connect.Connected, error) {
			r.App.Secret = "another"
			return credentials(r)
		}, admin.WrongCredentials},
		"wrong code": {func(r *rig) (connect.Connected, error) {
			done, _, err := r.Code(r.Context(), demo, "0123456789abcdef")
			return done, err
		}, admin.ReconnectNeeded},
		"forged token": {func(r *rig) (connect.Connected, error) {
			return r.Token(r.Context(), demo, admin.Tokens{Token: "shpat_forged"})
		}, admin.AccessRevoked},
		"address not allowed": {func(r *rig) (connect.Connected, error) {
			r.must(r.twin.SetFaults(demo, shop.Faults{NotAllowed: true}))
			return credentials(r)
		}, admin.AddressNotAllowed},
		"no answer": {func(r *rig) (connect.Connected, error) {
			r.must(r.twin.SetFaults(demo, shop.Faults{Broken: shop.BrokenHTML}))
			return credentials(r)
		}, admin.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			_, err := test.connect(r)
			if got := admin.RefusalOf(err); got != test.want {
				t.Errorf("refused with %q: %v; want %q", got, err, test.want)
			}
			shops, err := r.store.Shops(t.Context())
			r.must(err)
			connections, err := r.store.Connections(t.Context())
			r.must(err)
			if len(shops)+len(connections) > 0 {
				t.Errorf("left behind: %v, %v", shops, connections)
			}
		})
	}
}

// TestATokenOfAnotherShopIsNotKept, nor one with which nobody says whose it is.
func TestATokenOfAnotherShopIsNotKept(t *testing.T) {
	r := newRig(t)
	r.must(r.twin.Install(other))
	token, err := r.twin.LastingToken(other)
	r.must(err)
	if _, err := r.Token(t.Context(), demo, admin.Tokens{Token: token}); admin.RefusalOf(err) != admin.AccessRevoked {
		t.Errorf("Shopify refuses it, and bellhop says %v", err)
	}
	r.must(r.twin.Install(demo))
	token, err = r.twin.LastingToken(demo)
	r.must(err)
	for _, domain := range []string{`"other.myshopify.com"`, `""`, `null`, `"demo.example.com"`} {
		r.answers = func(_ *http.Request, resp *http.Response) {
			body, err := io.ReadAll(resp.Body)
			r.must(err)
			body = bytes.ReplaceAll(body, []byte(`"myshopifyDomain":"demo.myshopify.com"`), []byte(`"myshopifyDomain":`+domain))
			resp.Body = io.NopCloser(bytes.NewReader(body))
		}
		if _, err := r.Token(t.Context(), demo, admin.Tokens{Token: token}); err == nil {
			t.Errorf("a token whose shop is %s connects %s", domain, demo)
		}
	}
	connections, err := r.store.Connections(t.Context())
	r.must(err)
	if len(connections) > 0 {
		t.Errorf("kept: %+v", connections)
	}
	for _, text := range []string{"", token + "\n", "two words", "tökén", strings.Repeat("x", 5000)} {
		for _, tokens := range []admin.Tokens{{Token: text}, {Token: token, RefreshToken: cmp.Or(text, " ")}} {
			r.answers = func(*http.Request, *http.Response) { t.Errorf("Shopify is asked about %q", text) }
			_, err := r.Token(t.Context(), demo, tokens)
			if bellhop.CodeOf(err) != "token" || strings.Contains(err.Error(), token) {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
	r.answers = nil
	_, err = r.Token(t.Context(), demo, admin.Tokens{Token: token})
	r.must(err)
}

// killed runs do until the process dies at a point. It reports whether it came there.
func (r *rig) killed(point connect.Point, do func()) (reached bool) {
	r.Probe = func(p connect.Point) {
		if p == point && !reached {
			reached, r.store.dead = true, true
			panic(point)
		}
	}
	defer func() {
		if p := recover(); p != nil && p != any(point) {
			panic(p)
		}
		r.Probe, r.store.dead = nil, false
		r.clock.pass(time.Minute + time.Second) // until its lease is over
	}()
	do()
	return reached
}

// TestKilledWhileConnecting kills the process at each step. Then the same is done again, and ends as if nothing had
// happened.
func TestKilledWhileConnecting(t *testing.T) {
	for grant, way := range ways {
		whole := newRig(t)
		_, err := way(whole)
		whole.must(err)
		want := whole.summary()
		for _, point := range connect.Points() {
			r := newRig(t)
			if !r.killed(point, func() { way(r) }) {
				continue
			}
			done, err := way(r)
			r.must(err)
			// A user whom Shopify names needs no new account to get in by a link.
			if done.New == (grant == bellhop.GrantTokenExchange && point == connect.PointOwner) || done.Owner.ID == 0 {
				t.Errorf("%s killed at %s: the owner is %+v, new: %v", grant, point, done.Owner, done.New)
			}
			if got := r.summary(); got != want {
				t.Errorf("%s killed at %s:\n%s\nwant\n%s", grant, point, got, want)
			}
		}
	}
}

// summary is what connecting a shop leaves, without times and secrets.
func (r *rig) summary() string {
	r.Helper()
	c := r.connection(demo)
	people, err := r.store.People(r.Context(), demo)
	r.must(err)
	return fmt.Sprintf("%s %s %q token %v refresh %v %v; %d subscriptions at Shopify, %+v; %d people", c.Grant, c.Access,
		c.Reason, c.Token != "", c.RefreshToken != "", c.Scopes, r.subscribed(demo, base+connect2), c.Subscriptions,
		len(people))
}

// TestTheOwnersAccount: nobody gets into an account by writing its address into a shop's settings, and nobody's
// account joins a shop by that.
func TestTheOwnersAccount(t *testing.T) {
	r := newRig(t)
	r.must(r.store.AddShop(t.Context(), bellhop.Shop{Domain: other, AddedAt: r.clock.Now()}))
	stranger := bellhop.Person{Email: "owner@demo.example", PasswordHash: "x", AddedAt: r.clock.Now()}
	stranger.SetShops([]bellhop.Membership{{Shop: other, Role: bellhop.RoleOwner}})
	stranger, err := r.store.AddPerson(t.Context(), stranger)
	r.must(err)
	done := r.installed()
	if done.New || done.Owner.ID != 0 {
		t.Errorf("a stranger's account became the owner's: %+v", done)
	}
	now, err := r.store.PersonByEmail(t.Context(), stranger.Email)
	r.must(err)
	if !reflect.DeepEqual(now.Shops, stranger.Shops) {
		t.Errorf("the stranger's shops are %v", now.Shops)
	}
}

// TestAnAccountWithAPasswordSignsInByItself also after a reinstall, and so does one that was made long ago.
func TestAnAccountWithAPasswordSignsInByItself(t *testing.T) {
	r := newRig(t)
	owner := r.installed().Owner
	r.must(r.store.SetPassword(t.Context(), owner.ID, "hash"))
	if again := r.installed(); again.New || again.Owner.ID != owner.ID {
		t.Errorf("connected again: %+v", again)
	}
	r = newRig(t)
	owner = r.installed().Owner
	r.clock.pass(25 * time.Hour)
	if again := r.installed(); again.New || again.Owner.ID != owner.ID {
		t.Errorf("connected again a day later: %+v", again)
	}
}

// TestTheOwnersFirstSignInIsTheLastByInstalling: others of the shop's staff may open the app, too, and nobody's account
// that was made another way is theirs.
func TestTheOwnersFirstSignInIsTheLastByInstalling(t *testing.T) {
	r := newRig(t)
	owner := r.installed().Owner
	r.must(r.store.AddSession(t.Context(), bellhop.Session{TokenHash: [32]byte{1}, PersonID: owner.ID,
		CreatedAt: r.clock.Now(), ExpiresAt: r.clock.Now().Add(time.Hour)}, "192.0.2.1"))
	if again := r.installed(); again.New || again.Owner.ID != owner.ID {
		t.Errorf("connected again: %+v", again)
	}
	r = newRig(t)
	r.must(r.store.AddShop(t.Context(), bellhop.Shop{Domain: demo, AddedAt: r.clock.Now()}))
	added := bellhop.Person{Email: "owner@demo.example", AddedAt: r.clock.Now()} // as a token with claims makes one
	added.SetShops([]bellhop.Membership{{Shop: demo, Role: bellhop.RoleOwner}})
	_, err := r.store.AddPerson(t.Context(), added)
	r.must(err)
	if done := r.installed(); done.New || done.Owner.Email != added.Email {
		t.Errorf("connected: %+v", done)
	}
	if is, err := r.Unclaimed(t.Context(), demo); is || err != nil {
		t.Errorf("unclaimed: %v, %v", is, err)
	}
}

// TestStaffGetNoAccount: any member of the staff who may open the app has an ID token.
func TestStaffGetNoAccount(t *testing.T) {
	r := newRig(t)
	r.must(r.twin.Install(demo))
	token, err := r.twin.IDToken(demo, "staff")
	r.must(err)
	done, err := r.IDToken(t.Context(), token)
	r.must(err)
	if done.New || done.Owner.ID != 0 {
		t.Errorf("an account for staff: %+v", done)
	}
}

// TestReinstalled: a connection of another grant replaces the old one, and an uninstall is over.
func TestReinstalled(t *testing.T) {
	r := newRig(t)
	before := r.connected()
	r.clock.pass(time.Hour)
	r.must(r.store.Uninstall(t.Context(), demo, r.clock.Now()))
	r.clock.pass(time.Hour)
	done := r.installed()
	if done.First || !done.Shop.UninstalledAt.IsZero() || !done.Connection.ConnectedAt.After(before.ConnectedAt) ||
		done.Connection.Grant != bellhop.GrantAuthorizationCode {
		t.Errorf("reinstalled: %+v", done)
	}
	r.state(done.Connection, bellhop.AccessGood, "")
}

// TestBusy: whoever waits for another process in vain says so.
func TestBusy(t *testing.T) {
	r := newRig(t)
	r.connected()
	_, err := r.store.TakeLease(t.Context(), connect.LeasePrefix+demo, "another", r.clock.Now(), time.Hour)
	r.must(err)
	tick := r.Now
	r.Now = func() time.Time { r.clock.pass(10 * time.Second); return tick() }
	_, err = r.Check(t.Context(), demo)
	if e, ok := err.(*bellhop.Error); !ok || e.Code != "shop_busy" || e.Kind != bellhop.Unavailable {
		t.Errorf("while another process works: %v", err)
	}
}
