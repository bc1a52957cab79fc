package sqlitestore

import (
	"context"

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
func readTotals[K ~string](ctx context.Context, db *DB, what, query string) (map[K]int64, error) {
	counts, err := list(ctx, db.read, what, func(r sqlitefile.Row) rules.Count[K] {
		return rules.Count[K]{Key: K(r.Text()), By: r.Int()}
	}, query+` WHERE n <> 0`)
	m := map[K]int64{}
	for _, c := range counts {
		m[c.Key] = c.By
	}
	return m, err
}
