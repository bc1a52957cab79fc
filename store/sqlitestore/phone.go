package sqlitestore

import (
	"strconv"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
)

// phone loads a device once for a claim.
func (cl *claim) phone(id int64) (*store.Phone, error) {
	if p, ok := cl.phones[id]; ok {
		return p, nil
	}
	p := &store.Phone{}
	var bad error
	_, err := cl.c.Prepare(`SELECT ` + deviceColumns + `, s.disabled, s.own_secret_only, s.customer_in_push, s.added_at,
		s.last_event_at, s.last_signed_by, d.spent, d.spent_at, d.gathered_orders, d.gathered_total, d.gathered_currency,
		d.gathered_since FROM devices d JOIN shops s ON s.id = d.shop_id WHERE d.id = ?`).Int(id).
		First(func(r sqlitefile.Row) {
			p.Device = readDevice(r)
			p.Owner = bellhop.Shop{Domain: p.Shop, Disabled: r.Bool(), OwnSecretOnly: r.Bool(), CustomerInPush: r.Bool(),
				AddedAt: r.Time(), LastEventAt: r.Time(), LastSignedBy: bellhop.Signer(r.Text())}
			p.Left, bad = readAllowance(r)
		})
	if err == nil {
		err = bad
	}
	cl.phones[id] = p
	return p, err
}

func readAllowance(r sqlitefile.Row) (a store.Allowance, err error) {
	if spent := r.Text(); spent != "" {
		if a.Spent, err = strconv.ParseFloat(spent, 64); err != nil {
			return a, err
		}
	}
	a.At = r.Time()
	g := store.Gathering{Orders: int(r.Int())}
	total, currency := r.Text(), r.Text()
	g.Since = r.Time()
	if g.Orders == 0 {
		return a, nil
	}
	g.Total, err = store.ReadMoney(total, currency)
	a.Gathering = &g
	return a, err
}

// keep stores what is left of the budget.
func keep(c *sqlitefile.Conn, p *store.Phone) error {
	st := c.Prepare(`UPDATE devices SET spent = ?, spent_at = ?, free_at = ?, gathered_orders = ?, gathered_total = ?,
		gathered_currency = ?, gathered_since = ? WHERE id = ?`).
		Text(strconv.FormatFloat(p.Left.Spent, 'g', -1, 64)).Time(p.Left.At).Time(p.FreeAt())
	if g := p.Left.Gathering; g == nil {
		st.Null().Null().Null().Null()
	} else {
		st.Int(int64(g.Orders)).Text(g.Total.String()).Text(g.Total.Currency).Time(g.Since)
	}
	return st.Int(p.ID).Exec()
}
