package console

import (
	"net/http"
	"strings"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/pipeline"
	"bellhop/shopify/admin"
	"bellhop/store"
	"bellhop/web"
)

// manageView is what an operator may do with a shop, as the API and the command line can. It has no secret.
type manageView struct {
	Disabled, Own, OwnOnly, Rotating bool
	Signing, Last                    string // which secrets count; the last webhook, and what signed it
	Connects                         bool   // this bellhop can connect shops
}

// manageView is nil for others than operators.
func (c *Console) manageView(v *visit, s *bellhop.Shop) *manageView {
	if v.Person.Role != bellhop.RoleOperator {
		return nil
	}
	last, signer := v.lastWebhook(s)
	switch {
	case last == "":
		last = v.T("shops.never")
	case signer != "":
		last += " · " + signer
	}
	return &manageView{Disabled: s.Disabled, Own: s.Secret != "", OwnOnly: s.OwnSecretOnly,
		Rotating: s.PreviousSecret != "", Signing: v.signing(s), Last: last, Connects: c.Care.Connector != nil}
}

// signing says which secrets a shop's webhooks may be signed with.
func (f *frame) signing(s *bellhop.Shop) string {
	words := f.T("manage.signedBoth")
	switch {
	case s.Secret == "":
		return f.T("manage.signedApp")
	case s.OwnSecretOnly:
		words = f.T("manage.signedOwn")
	}
	if s.PreviousSecret != "" {
		words += " · " + f.T("manage.underWay")
	}
	return words
}

// managed admits operators to a form about a shop that is there. For others the address doesn't exist.
func (c *Console) managed(handle func(*visit) error) func(*visit) error {
	return operators(c.aboutShop(func(v *visit) error {
		if _, err := c.Store.Shop(v.Context(), v.Shop); err != nil {
			return err
		}
		return handle(v)
	}))
}

// managedTo goes back to the part of the shop's page that a form was in.
func (c *Console) managedTo(v *visit, part string, n *notice) error {
	n.Shop = v.Shop
	return c.goTo(v, v.Path("/shop")+"#"+part, n)
}

// notManaged goes back to a form's first field, which says what is wrong. Nothing was changed.
func (c *Console) notManaged(v *visit, part, say string) error {
	v.refused = true
	return c.managedTo(v, part+"-field", &notice{Say: say, Bad: true, In: part})
}

// goTo redirects to another page, which shows a notice.
func (c *Console) goTo(v *visit, to string, n *notice) error {
	http.SetCookie(v.w, n.cookie(c.Proxies.HTTPS(v.Request)))
	http.Redirect(v.w, v.Request, to, http.StatusSeeOther)
	return nil
}

// addShopView is the form for a new shop. A secret that was typed never comes back.
type addShopView struct {
	*frame
	Domain                  string // as it was typed
	OwnOnly, CustomerInPush bool
	WrongDomain, WrongOwn   string
	There                   string // the page of the shop that is here already
}

func (c *Console) askShop(v *visit) error { return c.addForm(v, http.StatusOK, &addShopView{}) }

func (c *Console) addForm(v *visit, status int, view *addShopView) error {
	c.takeNotice(v)
	v.At, view.frame = "shops", &v.frame
	return c.render(v.w, status, "addShop", view)
}

func (c *Console) addShop(v *visit) error {
	f := v.PostForm
	view := &addShopView{Domain: strings.TrimSpace(f.Get("domain")), OwnOnly: f.Get("own_secret_only") != "",
		CustomerInPush: f.Get("customer_in_push") != ""}
	s, err := web.AddShop(v.Context(), c.Store, bellhop.Shop{Domain: view.Domain,
		Secret: strings.TrimSpace(f.Get("secret")), OwnSecretOnly: view.OwnOnly, CustomerInPush: view.CustomerInPush,
		AddedAt: c.Now()})
	switch bellhop.CodeOf(err) {
	case "shop":
		view.WrongDomain = v.T("manage.wrongDomain")
	case "shop_exists":
		view.WrongDomain, view.There = v.T("manage.exists"), withQuery("/shop", "shop", s.Domain)
	case "secret":
		view.WrongOwn = v.T("manage.wrongSecret")
	case "own_secret_only":
		view.WrongOwn = v.T("manage.refusesAll")
	default:
		if err != nil {
			return err
		}
		return c.added(v, s.Domain)
	}
	v.refused = true
	return c.addForm(v, c.Problems.Of(v.Context(), "add a shop", err).Status, view)
}

// added goes on to a new shop's page. Webhooks that came before were kept.
func (c *Console) added(v *visit, domain string) error {
	v.Shop = domain
	kept, err := c.Store.Lines(v.Context(), store.LineQuery{Shop: domain, Outcome: bellhop.OutcomeSkipped,
		Reason: bellhop.ReasonUnknownShop, Limit: 1})
	if err != nil {
		return err
	}
	say := "manage.added"
	if len(kept.Lines) > 0 {
		say = "manage.addedKept"
	}
	return c.managedTo(v, "manage", &notice{Say: say})
}

func (c *Console) rotateSecret(v *visit) error {
	changed, err := web.RotateSecret(v.Context(), c.Store, v.Shop, strings.TrimSpace(v.PostForm.Get("secret")))
	switch {
	case bellhop.CodeOf(err) == "secret":
		return c.notManaged(v, "secret", "manage.wrongSecret")
	case err != nil:
		return err
	case !changed:
		return c.notManaged(v, "secret", "manage.same")
	}
	return c.managedTo(v, "secret", &notice{Say: "manage.rotated"})
}

func (c *Console) finishRotation(v *visit) error {
	if err := web.FinishRotation(v.Context(), c.Store, v.Shop); err != nil {
		return err
	}
	return c.managedTo(v, "secret", &notice{Say: "manage.finished"})
}

// setOwnSecretOnly settles whether the app's secret counts for a shop.
func (c *Console) setOwnSecretOnly(v *visit) error {
	err := web.ChangeShop(v.Context(), c.Store, v.Shop, func(s *bellhop.Shop) {
		s.OwnSecretOnly = v.PostForm.Get("own_secret_only") != ""
	})
	if bellhop.CodeOf(err) == "own_secret_only" {
		return c.notManaged(v, "secret", "manage.refusesAll")
	}
	if err != nil {
		return err
	}
	return c.managedTo(v, "secret", &notice{Say: "settings.saved"})
}

// askBackfill asks for a backfill of all orders, unless one is under way. Whoever compares the shop carries it out, and
// the page shows how far it is.
func (c *Console) askBackfill(v *visit) error {
	conn, err := c.Store.Connection(v.Context(), v.Shop)
	if err != nil {
		return err
	}
	if conn.Access == bellhop.AccessLost || conn.Access == bellhop.AccessUninstalled {
		return c.notManaged(v, "backfill", "manage.notNow")
	}
	now := c.Now().UTC().Truncate(time.Microsecond)
	err = c.Store.UpdateReconciliation(v.Context(), v.Shop, func(is *bellhop.Reconciliation) error {
		if !is.Backfill.Running() && !is.WantsBackfill() {
			is.AskBackfill(time.Time{}, now)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.managedTo(v, "shop", &notice{Say: "backfill.soon"})
}

func (c *Console) disableShop(v *visit) error { return c.setDisabled(v, true, "manage.disabled") }

func (c *Console) enableShop(v *visit) error { return c.setDisabled(v, false, "manage.enabled") }

func (c *Console) setDisabled(v *visit, disabled bool, say string) error {
	err := web.ChangeShop(v.Context(), c.Store, v.Shop, func(s *bellhop.Shop) { s.Disabled = disabled })
	if err != nil {
		return err
	}
	return c.managedTo(v, "rest", &notice{Say: say})
}

// eraseShop asks for the shop to be erased, once its domain was typed. The page of the request says how far it is.
func (c *Console) eraseShop(v *visit) error {
	if !strings.EqualFold(strings.TrimSpace(v.PostForm.Get("domain")), v.Shop) {
		return c.notManaged(v, "erase", "manage.otherName")
	}
	r, err := pipeline.AskToErase(v.Context(), c.Store, v.Shop, v.who.Name(), c.Now())
	if err != nil {
		return err
	}
	return c.goTo(v, "/privacy/"+web.ID(r.ID), &notice{Say: "manage.erasing", Shop: v.Shop})
}

// connectedView is the page that has a new owner's link, once: bellhop keeps only its hash.
type connectedView struct {
	*frame
	Owner, Link string
}

// connectShop connects a shop by a token that was typed, or by client credentials.
func (c *Console) connectShop(v *visit) error {
	var tokens *admin.Tokens
	part := "connect"
	if v.PostForm.Has("token") {
		part = "token"
		t, err := web.ParseTokens([]byte(v.PostForm.Get("token")), c.Now())
		if err != nil {
			return c.notManaged(v, part, "manage.wrongToken")
		}
		tokens = &t
	}
	done, err := c.Care.Connect(v.Context(), v.Shop, tokens)
	if err != nil {
		say := connectTrouble(err)
		if say == "" {
			return err
		}
		c.Log.InfoContext(v.Context(), "a shop could not be connected", "shop", v.Shop, "err", err)
		return c.notManaged(v, part, say)
	}
	switch {
	case done.Connection.Access != bellhop.AccessGood || connect.Missing(done.Connection.Subscriptions) > 0:
		return c.managedTo(v, "shop", &notice{Say: "shop.checkedBad", Bad: true})
	case !done.New:
		return c.managedTo(v, "shop", &notice{Say: "manage.connected"})
	}
	secret, link := web.NewSignInLink(done.Owner.ID, c.Now())
	if err := c.Store.AddLink(v.Context(), link); err != nil {
		return err
	}
	v.At, v.Self = "shops", v.Path("/shop")
	return c.render(v.w, http.StatusOK, "connectedShop", &connectedView{&v.frame, done.Owner.Email,
		c.base(v.Request) + "/signin?once=" + secret})
}

// connectTrouble says why a shop could not be connected; "" for what nobody foresaw.
func connectTrouble(err error) string {
	switch refusal := admin.RefusalOf(err); {
	case refusal != "":
		return "refusal." + string(refusal)
	case bellhop.CodeOf(err) == "other_shop":
		return "manage.otherShop"
	case connect.IsBusy(err):
		return "shop.busy"
	case bellhop.KindOf(err) == bellhop.RateLimited:
		return "shop.tooSoon"
	}
	return ""
}
