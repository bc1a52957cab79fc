package sqlitestore

import (
	"bellhop/internal/sqlitefile"
)

// totals gathers what a transaction changes in a table of counts, so that each
// count is written once. The zero value is ready.
type totals[K ~string] struct {
	keys []K // few, and so searched one by one
	by   []int64
}

func (t *totals[K]) add(k K, n int64) {
	for i := range t.keys {
		if t.keys[i] == k {
			t.by[i] += n
			return
		}
	}
	t.keys, t.by = append(t.keys, k), append(t.by, n)
}

// move counts something under another key; "" means that it was not counted.
func (t *totals[K]) move(from, to K) {
	if from != "" {
		t.add(from, -1)
	}
	t.add(to, 1)
}

// The tables of counts.
const (
	ledgerTotals = `INSERT INTO ledger_totals (outcome, n) VALUES (?, ?) ON CONFLICT (outcome) DO UPDATE SET n = n + excluded.n`
	pushTotals   = `INSERT INTO push_totals (status, n) VALUES (?, ?) ON CONFLICT (status) DO UPDATE SET n = n + excluded.n`
)

func (t *totals[K]) flush(c *sqlitefile.Conn, table string) error {
	for i, k := range t.keys {
		if t.by[i] == 0 {
			continue
		}
		if err := c.Prepare(table).Text(string(k)).Int(t.by[i]).Exec(); err != nil {
			return err
		}
	}
	return nil
}

// readTotals reads a table of counts. Kinds that nothing is counted under are
// left out.
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
