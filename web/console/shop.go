package console

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/store"
	"bellhop/web"
)

// shopView is a shop and its connection to Shopify.
type shopView struct {
	*frame
	accessRow
	Name          string // as Shopify says it, or the domain
	First         bool   // no order came yet
	Password      bool   // the reader has one
	Connected     bool   // there is a connection, whatever its state
	Check         bool   // the reader may have the connection checked now
	How, Again    string // how it is connected again, and where by a click; "" while there is no need
	Newest        *fact  // the newest order
	Facts         []fact
	Subscriptions []subscriptionRow
	Silences      []string
	Compared      *comparedView
	Manage        *manageView // nil for others than operators
}

// accessRow is the state of a connection in words.
type accessRow struct {
	Class, State string // how it looks, and what it is
	Why          string // the reason and what to do; "" for none
}

type subscriptionRow struct {
	Topic, Class, State string
	Why                 string // why Shopify refuses it; "" for none
	Last                string // its last event
}

const maxSilences = 10

func (c *Console) showShop(v *visit) error {
	v.At = "shop"
	if v.who.Operator() {
		v.At = "shops"
	}
	if err := v.live(c); err != nil {
		return err
	}
	shop, err := c.Store.Shop(v.Context(), v.Shop)
	if err != nil {
		return err
	}
	conn, err := c.connectionOf(v.Context(), v.Shop)
	if err != nil {
		return err
	}
	page, err := c.Store.Orders(v.Context(), v.Shop, store.OrderQuery{Limit: 1})
	if err != nil {
		return err
	}
	view := &shopView{frame: &v.frame, Name: cmp.Or(shop.Name, shop.Domain), accessRow: v.accessRow(conn),
		First: len(page.Orders) == 0, Password: v.Person.PasswordHash != "", Connected: conn != nil,
		Check: conn != nil && c.mayCheck(v)}
	view.How, view.Again = c.again(v, conn)
	for _, o := range page.Orders {
		view.Newest = &fact{Label: v.T("shop.newest"), Value: o.Name + " · " + v.Moment(o.PlacedAt),
			URL: v.Path("/orders/" + web.ID(o.ID))}
	}
	if err := c.shopFacts(v, view, shop, conn); err != nil {
		return err
	}
	if view.Compared, err = c.comparedView(v); err != nil {
		return err
	}
	view.Manage = c.manageView(v, &shop)
	return c.show(v, "shop", view)
}

// connectionOf returns a shop's connection, nil for none.
func (c *Console) connectionOf(ctx context.Context, shop string) (*bellhop.Connection, error) {
	conn, err := c.Store.Connection(ctx, shop)
	if bellhop.KindOf(err) == bellhop.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &conn, nil
}

// accessRow says how it stands with a connection, nil for none.
func (v *visit) accessRow(conn *bellhop.Connection) (row accessRow) {
	switch {
	case conn == nil:
		return accessRow{State: v.T("access.none")}
	case conn.Access == bellhop.AccessGood:
		row.Class = "push-sent"
	case conn.Access == bellhop.AccessRefused:
		row.Class = "push-pending"
	default:
		row.Class = "bad"
	}
	row.State = v.T("access." + string(conn.Access))
	if conn.Reason != "" {
		row.Why = v.refusal(conn.Reason)
	}
	return row
}

// refusal says in words why Shopify refuses something, and what to do.
func (v *visit) refusal(code string) string { return v.label("refusal.", code) }

// shopFacts fills in what the page says in detail.
func (c *Console) shopFacts(v *visit, view *shopView, shop bellhop.Shop, conn *bellhop.Connection) error {
	now := c.Now()
	last, err := c.Store.LastEvents(v.Context(), v.Shop, time.Time{})
	if err != nil {
		return err
	}
	silences, err := connect.TooLong(v.Context(), c.Store, shop, now)
	if err != nil {
		return err
	}
	refused, err := c.refusedSignatures(v.Context())
	if err != nil {
		return err
	}
	if conn != nil {
		view.Facts = v.connectionFacts(conn, now)
	}
	view.Facts = append(view.Facts, v.whatShopifySays(shop)...)
	view.Facts = append(view.Facts, fact{Label: v.T("shop.refused"), Value: v.N("shop.refusedLately", refused[v.Shop]),
		Bad: refused[v.Shop] > 0})
	view.Subscriptions = v.subscriptionRows(conn, last)
	view.Silences = v.silenceRows(silences, now)
	return nil
}

// refusedSignatures counts the webhooks of the last hour that were refused for their signature, by shop.
func (c *Console) refusedSignatures(ctx context.Context) (map[string]int, error) {
	all, err := c.Store.Refusals(ctx, c.Now().Add(-store.RefusalsKept))
	counts := map[string]int{}
	for _, r := range all {
		if r.Reason == "unauthenticated" {
			counts[r.Shop] += int(r.Count)
		}
	}
	return counts, err
}

// connectionFacts are how the shop was connected, what it grants, and how long that lasts.
func (v *visit) connectionFacts(conn *bellhop.Connection, now time.Time) []fact {
	facts := []fact{
		{Label: v.T("shop.connectedAt"), Value: v.T("shop.how", "When", v.Moment(conn.ConnectedAt),
			"How", v.T("grant."+string(conn.Grant)))},
		{Label: v.T("shop.since"), Value: v.Moment(conn.Since)},
		{Label: v.T("shop.scopes"), Value: strings.Join(conn.Scopes, ", ")},
	}
	if missing := admin.MissingScopes(conn.Scopes, admin.WantedScopes); len(missing) > 0 {
		facts = append(facts, fact{Label: v.T("shop.scopesMissing"), Value: strings.Join(missing, ", "), Bad: true})
	}
	facts = append(facts, fact{Label: v.T("shop.token"), Value: v.tokenState(conn, now), Bad: conn.Token == ""})
	checked := v.T("shop.notChecked")
	if !conn.CheckedAt.IsZero() {
		checked = v.Moment(conn.CheckedAt)
	}
	return append(facts, fact{Label: v.T("shop.checkedAt"), Value: checked})
}

// tokenState says how long a connection's token lasts, never the token.
func (v *visit) tokenState(conn *bellhop.Connection, now time.Time) string {
	switch {
	case conn.Token == "":
		return v.T("shop.tokenGone")
	case conn.ExpiresAt.IsZero():
		return v.T("shop.tokenForever")
	case conn.ExpiresAt.Before(now):
		return v.T("shop.tokenExpired", "When", v.Moment(conn.ExpiresAt))
	case conn.RefreshToken != "":
		return v.T("shop.tokenRenewed", "When", v.Moment(conn.ExpiresAt), "Until", v.Moment(conn.RefreshExpiresAt))
	}
	if conn.Grant == bellhop.GrantToken {
		return v.T("shop.tokenHanded", "When", v.Moment(conn.ExpiresAt))
	}
	return v.T("shop.tokenUntil", "When", v.Moment(conn.ExpiresAt))
}

// whatShopifySays are the shop's own settings.
func (v *visit) whatShopifySays(shop bellhop.Shop) (facts []fact) {
	for _, f := range []fact{
		{Label: v.T("shop.domain"), Value: shop.Domain}, {Label: v.T("shop.currency"), Value: shop.Currency},
		{Label: v.T("shop.timezone"), Value: shop.Timezone}, {Label: v.T("shop.plan"), Value: shop.Plan},
	} {
		if f.Value != "" {
			facts = append(facts, f)
		}
	}
	return facts
}

// subscriptionRows lists the wanted topics, and others of which events came.
func (v *visit) subscriptionRows(conn *bellhop.Connection, last map[string]time.Time) (rows []subscriptionRow) {
	wanted := map[string]bool{}
	if conn != nil {
		for _, s := range conn.Subscriptions {
			wanted[s.Topic] = true
			row := subscriptionRow{Topic: s.Topic, Class: "push-sent", State: v.T("shop.there"),
				Last: v.lastEvent(last[s.Topic])}
			if !s.There {
				row.Class, row.State = "bad", v.T("shop.missing")
			}
			if s.Refusal != "" {
				row.State, row.Why = v.T("shop.notAllowed"), v.refusal(s.Refusal)
			}
			rows = append(rows, row)
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(last)) {
		if !wanted[topic] {
			rows = append(rows, subscriptionRow{Topic: topic, State: v.T("shop.bySettings"), Last: v.lastEvent(last[topic])})
		}
	}
	return rows
}

func (v *visit) lastEvent(at time.Time) string {
	if at.IsZero() {
		return v.T("shop.noEvent")
	}
	return v.Moment(at)
}

// silenceRows lists the newest silences, the newest first.
func (v *visit) silenceRows(all []store.Silence, now time.Time) (rows []string) {
	for _, s := range slices.Backward(all[max(0, len(all)-maxSilences):]) {
		if s.To.IsZero() {
			rows = append(rows, v.T("shop.silentNow", "From", v.Moment(s.From), "Span", v.Span(now.Sub(s.From))))
			continue
		}
		rows = append(rows, v.T("shop.silence", "From", v.Moment(s.From), "To", v.Moment(s.To),
			"Span", v.Span(s.To.Sub(s.From))))
	}
	return rows
}

// mayCheck reports whether the reader may have a connection checked.
func (c *Console) mayCheck(v *visit) bool {
	return c.Care.Connector != nil && v.who.Manages()
}

// checkShop looks after a shop's connection at once. It goes on when the reader leaves.
func (c *Console) checkShop(v *visit) error {
	if !c.mayCheck(v) {
		return bellhop.Errorf(bellhop.NotFound, "not_found", "there is nothing at this address")
	}
	conn, err := c.Care.Check(v.Context(), v.Shop)
	switch {
	case bellhop.KindOf(err) == bellhop.RateLimited:
		return v.back(c, &notice{Say: "shop.tooSoon", Bad: true})
	case connect.IsBusy(err): // another process looks after it right now
		return v.back(c, &notice{Say: "shop.busy", Bad: true})
	case err != nil:
		return err
	case conn.Access != bellhop.AccessGood:
		return v.back(c, &notice{Say: "shop.checkedBad", Bad: true})
	}
	return v.back(c, &notice{Say: "shop.checked"})
}

// again says how a shop is connected again that isn't, and where the reader can do so.
func (c *Console) again(v *visit, conn *bellhop.Connection) (how, link string) {
	if c.Care.Connector != nil && v.who.Manages() {
		link = v.Path(shopify.InstallPath)
	}
	switch {
	case conn == nil && c.Care.Connector == nil:
		return v.T("reconnect.off"), ""
	case conn == nil:
		return v.T("reconnect.none", "Shop", v.Shop), link
	case conn.Access == bellhop.AccessGood:
		return "", ""
	case conn.Grant == bellhop.GrantAuthorizationCode:
		return v.T("reconnect.authorization_code"), link
	}
	return v.T("reconnect."+string(conn.Grant), "Shop", v.Shop), ""
}

// lost is the notice on each page of a shop whose access is gone.
type lost struct{ Words, Link, Label string }

// noteLost looks whether the access to a page's shop is gone: its owner can connect it again.
func (c *Console) noteLost(v *visit) error {
	if v.Method != http.MethodGet || v.who.Operator() || v.Shop == "" {
		return nil
	}
	conn, err := c.connectionOf(v.Context(), v.Shop)
	if err != nil || conn == nil || conn.Access != bellhop.AccessLost && conn.Access != bellhop.AccessUninstalled {
		return err
	}
	v.Lost = &lost{v.T("lost." + string(conn.Access)), v.Path("/shop"), v.T("lost.look")}
	if _, link := c.again(v, conn); link != "" {
		v.Lost.Link, v.Lost.Label = link, v.T("lost.again")
	}
	return nil
}
