package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// transactionEvents is how many events a worker records in one transaction.
const transactionEvents = 256

// chunk is the rows that belong to so many events: by table, the columns as
// slices, which become the arrays that unnest takes.
type chunk map[string][]any

// barely are the tables that it fills, in this order, each with the column that
// names the event.
var barely = []struct{ table, key, order string }{
	{"events", "id", "id"},
	{"orders", "order_id", "order_id"},
	{"items", "order_id", "order_id, position"},
	{"pushes", "order_id", "id"},
	{"changes", "order_id", "seq"},
}

// insertBare takes the time in which one client inserts the rows of a database
// into another, as anybody would with pgx: it sends each transaction at once, a
// statement for each table, decides nothing and looks nothing up.
func (b *bench) insertBare(ctx context.Context, from, to string) (took time.Duration, err error) {
	var inserts map[string]string
	var chunks []chunk
	var want string
	err = b.connected(ctx, b.databaseURL(from), func(c *pgx.Conn) (err error) {
		if inserts, chunks, err = readRows(ctx, c); err != nil {
			return err
		}
		want, err = countRows(ctx, c)
		return err
	})
	if err != nil {
		return 0, err
	}
	if err := b.administer(ctx, "CHECKPOINT"); err != nil {
		return 0, err
	}
	err = b.connected(ctx, b.databaseURL(to), func(c *pgx.Conn) error {
		began := time.Now()
		for _, rows := range chunks {
			if err := rows.insert(ctx, c, inserts); err != nil {
				return fmt.Errorf("insert without bellhop: %w", err)
			}
		}
		took = time.Since(began)
		got, err := countRows(ctx, c)
		if err == nil && got != want {
			err = fmt.Errorf("there are%s after inserting without bellhop, and%s after recording", got, want)
		}
		return err
	})
	return took, err
}

// countRows says how many rows each table has.
func countRows(ctx context.Context, c *pgx.Conn) (counts string, err error) {
	for _, t := range barely {
		var n int64
		if err := c.QueryRow(ctx, "SELECT count(*) FROM "+t.table).Scan(&n); err != nil {
			return "", fmt.Errorf("count %s: %w", t.table, err)
		}
		counts += fmt.Sprintf(" %d %s", n, t.table)
	}
	return counts, nil
}

// columnsOf returns a table's columns and their types.
func columnsOf(ctx context.Context, c *pgx.Conn, table string) (names, types []string, err error) {
	rows, err := c.Query(ctx, `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, table)
	if err != nil {
		return nil, nil, err
	}
	var name, kind string
	_, err = pgx.ForEachRow(rows, []any{&name, &kind}, func() error {
		names, types = append(names, name), append(types, kind)
		return nil
	})
	return names, types, err
}

// readRows makes the statement for each table, and reads all rows back in the order of
// their events.
func readRows(ctx context.Context, c *pgx.Conn) (inserts map[string]string, chunks []chunk, err error) {
	inserts = map[string]string{}
	for _, t := range barely {
		names, types, err := columnsOf(ctx, c, t.table)
		if err != nil {
			return nil, nil, fmt.Errorf("look at the table %s: %w", t.table, err)
		}
		var arrays, aggregates []string
		for i, name := range names {
			arrays = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, types[i]))
			aggregates = append(aggregates, "array_agg(t."+name+" ORDER BY "+t.order+")")
		}
		inserts[t.table] = "INSERT INTO " + t.table + " (" + strings.Join(names, ", ") + ") SELECT * FROM unnest(" +
			strings.Join(arrays, ", ") + ")"
		rows, err := c.Query(ctx, fmt.Sprintf(`SELECT nr, %s FROM %s t
			JOIN (SELECT %s, (row_number() OVER (ORDER BY id) - 1) / %d AS nr FROM events) n USING (%s) GROUP BY nr ORDER BY nr`,
			strings.Join(aggregates, ", "), t.table, t.key, transactionEvents, t.key))
		for err == nil && rows.Next() {
			var nr int
			columns := slicesFor(types)
			err = rows.Scan(append([]any{&nr}, columns...)...)
			for len(chunks) <= nr {
				chunks = append(chunks, chunk{})
			}
			chunks[nr][t.table] = columns
		}
		if err == nil {
			err = rows.Err()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read the table %s back: %w", t.table, err)
		}
	}
	return inserts, chunks, nil
}

// slicesFor returns a pointer to a slice for each column of a type.
func slicesFor(types []string) (all []any) {
	for _, kind := range types {
		switch kind {
		case "bigint":
			all = append(all, new([]pgtype.Int8))
		case "integer":
			all = append(all, new([]pgtype.Int4))
		case "boolean":
			all = append(all, new([]pgtype.Bool))
		case "timestamp with time zone":
			all = append(all, new([]pgtype.Timestamptz))
		case "uuid":
			all = append(all, new([]pgtype.UUID))
		case "bytea":
			all = append(all, new([][]byte))
		default:
			all = append(all, new([]pgtype.Text))
		}
	}
	return all
}

// insert sends one transaction and waits for its end.
func (rows chunk) insert(ctx context.Context, c *pgx.Conn, inserts map[string]string) error {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	for _, t := range barely {
		if columns := rows[t.table]; columns != nil {
			batch.Queue(inserts[t.table], columns...)
		}
	}
	batch.Queue("COMMIT")
	return c.SendBatch(ctx, batch).Close()
}
