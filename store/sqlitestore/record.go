package sqlitestore

import (
	"context"
	"math"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// Record implements [store.Recorder]. It computes all it can before it enters the writer,
// which everybody shares.
func (db *DB) Record(ctx context.Context, facts []bellhop.Fact) ([]bellhop.Result, error) {
	return plan(ctx, db, "record", facts, rules.PlanRecord)
}

// Refill implements [store.Recorder].
func (db *DB) Refill(ctx context.Context, facts []bellhop.Fact) (int, error) {
	return plan(ctx, db, "refill orders", facts, rules.PlanRefill)
}

// plan loads what facts are about, and saves what a rule decides.
func plan[T any](
	ctx context.Context, db *DB, what string, facts []bellhop.Fact,
	rule func(rules.Before, []bellhop.Fact) (*rules.Recording, T),
) (result T, err error) {
	if facts, err = driver.CheckFacts(facts); err != nil || len(facts) == 0 {
		return result, err
	}
	type planned struct {
		result T
		wake   bool
	}
	written := write(facts)
	p, err := put(ctx, db, what, func(tx *sqlitefile.Tx) (planned, error) {
		before, err := load(tx.Conn, facts)
		if err != nil {
			return planned{}, err
		}
		r, result := rule(before, facts)
		return planned{result, r.Wake}, save(tx, r, written)
	})
	if p.wake {
		db.wake()
	}
	return p.result, err
}

// texts are the parts of an order that are stored as text.
type texts struct {
	total, current, presentment, details string

	tokens string // of the search index
	sought int64  // their hash
}

func write(facts []bellhop.Fact) map[*bellhop.Fact]*texts {
	all := make(map[*bellhop.Fact]*texts, len(facts))
	for i := range facts {
		if o := facts[i].Order; o != nil {
			all[&facts[i]] = textsOf(o)
		}
	}
	return all
}

func textsOf(o *bellhop.Order) *texts {
	t := &texts{total: o.Total.String(), current: o.Current.String(), details: driver.WriteDetails(&o.Details)}
	t.seek(driver.TokenText(o, &o.History))
	if o.Presentment != nil {
		t.presentment = o.Presentment.String()
	}
	return t
}

// load finds the rows that the facts name.
func load(c *sqlitefile.Conn, facts []bellhop.Fact) (b rules.Before, err error) {
	b = rules.Before{Lines: make(map[bellhop.EventID]rules.StoredLine, len(facts)), Shops: map[string]*rules.StoredShop{},
		Orders: map[rules.OrderKey]*rules.StoredOrder{}, Marks: map[bellhop.Mark]time.Time{}, Erased: map[string]bool{}}
	marked := map[string]bool{} // shops that have to forget somebody
	for i := range facts {
		f := &facts[i]
		l, err := loadLine(c, f.Event.ID)
		if err != nil {
			return b, err
		}
		if l.Row != 0 {
			b.Lines[f.Event.ID] = l
		}
		s, known := b.Shops[f.Event.Shop]
		if !known {
			if s, err = loadShop(c, f.Event.Shop); err != nil {
				return b, err
			}
			b.Shops[f.Event.Shop] = s
			if err := loadForgetting(c, f.Event.Shop, s == nil, marked, b.Erased); err != nil {
				return b, err
			}
		}
		if marked[f.Event.Shop] {
			if err := loadMarks(c, f, b.Marks); err != nil {
				return b, err
			}
		}
		if s != nil && f.OrderID != 0 {
			k := rules.OrderKey{Shop: s.Row, ID: f.OrderID}
			if err := loadOrder(c, b.Orders, k, f.Deleted); err != nil {
				return b, err
			}
			if err := loadKnown(c, b.Orders[k], f); err != nil {
				return b, err
			}
		}
	}
	return b, nil
}

// loadShop returns nil for a missing shop.
func loadShop(c *sqlitefile.Conn, domain string) (*rules.StoredShop, error) {
	s := &rules.StoredShop{}
	found, err := c.Prepare(`SELECT ` + rows.LoadedShopColumns + ` FROM ` + rows.LoadedShops + ` WHERE s.domain = ?`).
		Text(domain).First(func(r sqlitefile.Row) { *s = rows.LoadedShop(r) })
	if err != nil || !found {
		return nil, err
	}
	s.Receivers, err = readReceivers(c, s.Row, 0, math.MaxInt64, rules.FanOutAbove+1)
	return s, err
}

// readReceivers finds a shop's devices in use, by their ids.
func readReceivers(c *sqlitefile.Conn, shop, after, last int64, limit int) ([]rules.Receiver, error) {
	return sqlitefile.All(c.Prepare(`SELECT d.id, d.person_id, d.free_at, p.settings FROM devices d
		LEFT JOIN people p ON p.id = d.person_id
		WHERE d.shop_id = ? AND d.retired_at IS NULL AND d.id > ? AND d.id <= ? ORDER BY d.id LIMIT ?`).
		Int(shop).Int(after).Int(last).Int(int64(limit)), rows.Receiver)
}

// save writes the rules' decisions.
func save(tx *sqlitefile.Tx, r *rules.Recording, written map[*bellhop.Fact]*texts) error {
	for _, o := range r.Orders {
		if err := saveOrder(tx.Conn, o, written[o.Content]); err != nil {
			return err
		}
	}
	for _, o := range r.Takings {
		if err := saveTaking(tx.Conn, o.Row, o.State.Taking); err != nil {
			return err
		}
	}
	if err := saveLines(tx, r.Lines); err != nil {
		return err
	}
	for _, o := range r.Bodiless {
		err := tx.Prepare(`UPDATE events SET body = NULL, coding = 0 WHERE seq IN (SELECT seq FROM ledger WHERE order_id = ?)
			AND shop = ? AND body IS NOT NULL`).Int(o.ID).Text(o.Domain).Exec()
		if err != nil {
			return err
		}
	}
	for _, f := range r.FanOuts {
		err := tx.Prepare(`INSERT OR IGNORE INTO fanouts (shop_id, order_no, kind, after_id, last_id, created_at)
			VALUES (?,?,?,0,(SELECT max(id) FROM devices),?)`).Int(f.Order.Shop).Int(f.Order.Row).Text(string(f.Kind)).
			Time(f.At).Exec()
		if err != nil {
			return err
		}
	}
	for i := range r.Owed {
		if err := savePush(tx.Conn, &r.Owed[i], &r.Statuses); err != nil {
			return err
		}
	}
	if err := saveHeard(tx.Conn, r.Heard); err != nil {
		return err
	}
	if err := saveTold(tx.Conn, r.Told); err != nil {
		return err
	}
	for _, q := range r.Requests {
		if err := insertRequest(tx.Conn, q); err != nil {
			return err
		}
	}
	for _, s := range r.Shops {
		err := tx.Prepare(`UPDATE shops SET last_event_at = ?, last_signed_by = ? WHERE id = ?`).
			Time(s.LastEventAt).Text(string(s.SignedBy)).Int(s.Row).Exec()
		if err != nil {
			return err
		}
	}
	return saveChanges(tx.Conn, &r.Changes)
}

// savePush adds and counts a push, unless the order had one of this kind for the device.
func savePush(c *sqlitefile.Conn, p *rules.NewPush, counts *rules.Tally[bellhop.PushStatus]) error {
	err := c.Prepare(`INSERT OR IGNORE INTO pushes (shop_id, order_no, device_id, kind, created_at, status, attempts,
		next_at, reason) VALUES (?,?,?,?,?,?,0,?,?)`).Int(p.Order.Shop).Int(p.Order.Row).Int(p.Device).Text(string(p.Kind)).
		Time(p.At).Text(string(p.Status())).Time(p.Due).TextOrNull(p.Skipped).Exec()
	if err == nil && c.Changes() > 0 {
		counts.Add(p.Status(), 1)
	}
	return err
}
