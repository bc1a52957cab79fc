package sqlitestore

import (
	"strconv"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/rules"
)

// loadBudget returns the zero DeviceBudget for a missing device.
func loadBudget(c *sqlitefile.Conn, id int64) (*rules.DeviceBudget, error) {
	p := &rules.DeviceBudget{}
	_, err := c.Prepare(`SELECT ` + deviceColumns + `, s.disabled, s.own_secret_only, s.customer_in_push, s.added_at,
		s.last_event_at, s.last_signed_by, ` + allowanceColumns + `, p.settings
		FROM devices d JOIN shops s ON s.id = d.shop_id LEFT JOIN people p ON p.id = d.person_id WHERE d.id = ?`).Int(id).
		First(func(r sqlitefile.Row) {
			p.Device = readDevice(r)
			p.Owner = bellhop.Shop{Domain: p.Shop, Disabled: r.Bool(), OwnSecretOnly: r.Bool(), CustomerInPush: r.Bool(),
				AddedAt: r.Time(), LastEventAt: r.Time(), LastSignedBy: bellhop.Signer(r.Text())}
			p.Left, p.Settings = readAllowance(r), readSettings(r)
		})
	return p, err
}

// allowanceColumns are the columns for readAllowance, of an alias d.
const allowanceColumns = `d.spent, d.rung, d.spent_at, d.gathered_orders, d.gathered_changes, d.gathered_total,
	d.gathered_currency, d.gathered_since`

func readAllowance(r sqlitefile.Row) (a rules.Allowance) {
	for _, to := range []*float64{&a.Spent, &a.Heard} {
		if used := r.Text(); used != "" {
			var err error
			*to, err = strconv.ParseFloat(used, 64)
			r.Fail(err)
		}
	}
	a.At = r.Time()
	g := store.Gathering{Orders: int(r.Int()), Changes: int(r.Int())}
	total, currency := r.Text(), r.Text()
	if g.Since = r.Time(); !g.Since.IsZero() {
		g.Total, a.Gathering = readMoney(r, total, currency), &g
	}
	return a
}

// saveBudget saves the rest of the budget.
func saveBudget(c *sqlitefile.Conn, p *rules.DeviceBudget) error {
	st := c.Prepare(`UPDATE devices SET free_at = ?, spent = ?, rung = ?, spent_at = ?, gathered_orders = ?,
		gathered_changes = ?, gathered_total = ?, gathered_currency = ?, gathered_since = ? WHERE id = ?`).Time(p.FreeAt())
	return bindAllowance(st, p.Left).Int(p.ID).Exec()
}

// bindAllowance binds allowanceColumns. An unused allowance is NULL.
func bindAllowance(st *sqlitefile.Stmt, a rules.Allowance) *sqlitefile.Stmt {
	used := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	if a.At.IsZero() {
		st.Null().Null().Null()
	} else {
		st.Text(used(a.Spent)).Text(used(a.Heard)).Time(a.At)
	}
	g := a.Gathering
	if g == nil {
		return st.Null().Null().Null().Null().Null()
	}
	return st.Int(int64(g.Orders)).Int(int64(g.Changes)).Text(g.Total.String()).Text(g.Total.Currency).Time(g.Since)
}
