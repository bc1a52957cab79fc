package sqlitestore

import (
	"strconv"

	"bellhop/internal/sqlitefile"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// loadBudget returns the zero DeviceBudget for a missing device.
func loadBudget(c *sqlitefile.Conn, id int64) (*rules.DeviceBudget, error) {
	p := &rules.DeviceBudget{}
	_, err := c.Prepare(`SELECT ` + rows.BudgetColumns + ` FROM devices d JOIN shops s ON s.id = d.shop_id
		LEFT JOIN people p ON p.id = d.person_id WHERE d.id = ?`).Int(id).First(func(r sqlitefile.Row) { p = rows.Budget(r) })
	return p, err
}

// saveBudget saves the rest of the budget.
func saveBudget(c *sqlitefile.Conn, p *rules.DeviceBudget) error {
	st := c.Prepare(`UPDATE devices SET free_at = ?, spent = ?, rung = ?, spent_at = ?, gathered_orders = ?,
		gathered_changes = ?, gathered_total = ?, gathered_currency = ?, gathered_since = ? WHERE id = ?`).Time(p.FreeAt())
	return bindAllowance(st, p.Left).Int(p.ID).Exec()
}

// bindAllowance binds the columns from spent to gathered_since. An unused allowance is NULL.
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
