package console

import (
	"time"

	"bellhop"
)

// shopsView lists the shops that an operator chooses from.
type shopsView struct {
	*frame
	Rows []shopRow
}

type shopRow struct {
	accessRow
	Domain, URL, Orders, Last string
	Signer                    string // which secret signed the last webhook; "" before there is one
	Disabled                  bool
	Facts                     []fact // of its connection
}

func (c *Console) showShops(v *visit) error {
	v.At = "shops"
	shops, err := c.Store.Shops(v.Context())
	if err != nil {
		return err
	}
	connections, err := c.Store.Connections(v.Context())
	if err != nil {
		return err
	}
	refused, err := c.refusedSignatures(v.Context())
	if err != nil {
		return err
	}
	compared, err := c.Store.Reconciliations(v.Context(), time.Time{}, 0)
	if err != nil {
		return err
	}
	states := map[string]*bellhop.Reconciliation{}
	for i := range compared {
		states[compared[i].Shop] = &compared[i]
	}
	by := map[string]*bellhop.Connection{}
	for i := range connections {
		by[connections[i].Shop] = &connections[i]
	}
	view := &shopsView{frame: &v.frame}
	for _, s := range shops {
		row := v.shopRow(s, by[s.Domain], c.Now())
		if n := refused[s.Domain]; n > 0 {
			row.Facts = append(row.Facts, fact{Label: v.T("shop.refused"), Value: v.N("shop.refusedLately", n), Bad: true})
		}
		if state := states[s.Domain]; state != nil && !state.From.IsZero() {
			row.Facts = append(row.Facts, v.comparedFact(state, c.Now()))
		}
		view.Rows = append(view.Rows, row)
	}
	return c.show(v, "shops", view)
}

func (v *visit) shopRow(s bellhop.Shop, conn *bellhop.Connection, now time.Time) shopRow {
	row := shopRow{accessRow: v.accessRow(conn), Domain: s.Domain, URL: withQuery("/shop", "shop", s.Domain),
		Orders: withQuery("/", "shop", s.Domain), Disabled: s.Disabled, Last: v.T("shops.never")}
	if last, signer := v.lastWebhook(&s); last != "" {
		row.Last, row.Signer = v.T("shops.last", "When", last), signer
	}
	if conn != nil {
		row.Facts = append(v.connectionFacts(conn, now), v.subscribed(conn))
	}
	row.Facts = append(row.Facts, fact{Label: v.T("manage.secret"), Value: v.signing(&s)})
	return row
}

// lastWebhook says when a shop's last webhook came, and what signed it; "" for none.
func (f *frame) lastWebhook(s *bellhop.Shop) (when, signer string) {
	return f.Moment(s.LastEventAt), f.label("shops.signer.", string(s.LastSignedBy))
}

// subscribed counts the wanted subscriptions, and names those that are missing.
func (v *visit) subscribed(conn *bellhop.Connection) fact {
	there, missing := 0, ""
	for _, s := range conn.Subscriptions {
		if s.There {
			there++
			continue
		}
		missing += " · " + s.Topic
	}
	return fact{Label: v.T("shop.subscriptions"), Bad: missing != "",
		Value: v.T("shop.of", "There", v.Number(there), "Wanted", v.Number(len(conn.Subscriptions))) + missing}
}
