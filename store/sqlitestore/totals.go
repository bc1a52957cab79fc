package sqlitestore

import (
	"bellhop/internal/sqlitefile"
	"bellhop/store/rules"
)

// The tables of counts.
const (
	ledgerTotals = `INSERT INTO ledger_totals (outcome, n) VALUES (?, ?) ON CONFLICT (outcome) DO UPDATE
		SET n = n + excluded.n`
	pushTotals = `INSERT INTO push_totals (status, n) VALUES (?, ?) ON CONFLICT (status) DO UPDATE
		SET n = n + excluded.n`
)

func flush[K ~string](c *sqlitefile.Conn, table string, t *rules.Tally[K]) error {
	for _, count := range t.Counts() {
		if err := c.Prepare(table).Text(string(count.Key)).Int(count.By).Exec(); err != nil {
			return err
		}
	}
	return nil
}

// readTotals reads a table of counts, without empty ones.
func readTotals[K ~string](c *sqlitefile.Conn, query string) (map[K]int64, error) {
	m := map[K]int64{}
	err := c.Prepare(query).Each(func(r sqlitefile.Row) error {
		if k, n := K(r.Text()), r.Int(); n != 0 {
			m[k] = n
		}
		return nil
	})
	return m, err
}
