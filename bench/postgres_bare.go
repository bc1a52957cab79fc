package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// transactionEvents is how many events a worker records in one transaction.
const transactionEvents = 256

// chunk is the rows that belong to so many events: by table, the columns as the
// arrays that unnest takes, in Postgres's own binary form.
type chunk map[string][][]byte

// barely are the tables that are filled, in this order, and what of a row tells
// which event it belongs to.
var barely = []struct{ table, key, order string }{
	{"events", "id", "id"},
	{"orders", "order_id", "order_id"},
	{"items", "order_id", "order_id, position"},
	{"pushes", "order_id", "id"},
	{"changes", "order_id", "seq"},
}

// insertBare takes the time in which one client inserts the rows of a database
// into another. It sends each transaction at once, a statement for each table,
// and has nothing to decide, to look up or to encode: that is done before.
func (b *bench) insertBare(ctx context.Context, from, to string) (took time.Duration, err error) {
	var inserts map[string]string
	var chunks []chunk
	var want string
	err = b.connected(ctx, b.databaseURL(from), func(c *pgx.Conn) (err error) {
		if inserts, err = insertsOf(ctx, c); err != nil {
			return err
		}
		if chunks, err = readChunks(ctx, c); err != nil {
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
		for table, insert := range inserts {
			if _, err := c.PgConn().Prepare(ctx, table, insert, nil); err != nil {
				return fmt.Errorf("prepare to fill %s: %w", table, err)
			}
		}
		for _, rows := range chunks {
			if err := rows.insert(ctx, c.PgConn()); err != nil {
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

// insertsOf makes the statement for each table.
func insertsOf(ctx context.Context, c *pgx.Conn) (map[string]string, error) {
	inserts := map[string]string{}
	for _, t := range barely {
		names, types, err := columnsOf(ctx, c, t.table)
		if err != nil {
			return nil, fmt.Errorf("look at the table %s: %w", t.table, err)
		}
		for i, kind := range types {
			types[i] = fmt.Sprintf("$%d::%s[]", i+1, kind)
		}
		inserts[t.table] = "INSERT INTO " + t.table + " (" + strings.Join(names, ", ") + ") SELECT * FROM unnest(" + strings.Join(types, ", ") + ")"
	}
	return inserts, nil
}

// readChunks reads all rows back, in the order of their events.
func readChunks(ctx context.Context, c *pgx.Conn) ([]chunk, error) {
	var chunks []chunk
	for _, t := range barely {
		names, _, err := columnsOf(ctx, c, t.table)
		if err != nil {
			return nil, err
		}
		for i, name := range names {
			names[i] = "array_agg(t." + name + " ORDER BY " + t.order + ")"
		}
		query := fmt.Sprintf(`SELECT nr::int, %s FROM %s t
			JOIN (SELECT %s, (row_number() OVER (ORDER BY id) - 1) / %d AS nr FROM events) n USING (%s) GROUP BY nr ORDER BY nr`,
			strings.Join(names, ", "), t.table, t.key, transactionEvents, t.key)
		result := c.PgConn().ExecParams(ctx, query, nil, nil, nil, []int16{pgx.BinaryFormatCode})
		for result.NextRow() {
			values := result.Values()
			nr := int(values[0][2])<<8 | int(values[0][3])
			for len(chunks) <= nr {
				chunks = append(chunks, chunk{})
			}
			for _, v := range values[1:] {
				chunks[nr][t.table] = append(chunks[nr][t.table], append([]byte{}, v...))
			}
		}
		if _, err := result.Close(); err != nil {
			return nil, fmt.Errorf("read the table %s back: %w", t.table, err)
		}
	}
	return chunks, nil
}

// insert sends one transaction and waits for its end.
func (rows chunk) insert(ctx context.Context, c *pgconn.PgConn) error {
	batch := &pgconn.Batch{}
	batch.ExecParams("BEGIN", nil, nil, nil, nil)
	for _, t := range barely {
		if columns := rows[t.table]; columns != nil {
			batch.ExecPrepared(t.table, columns, []int16{pgx.BinaryFormatCode}, nil)
		}
	}
	batch.ExecParams("COMMIT", nil, nil, nil, nil)
	return c.ExecBatch(ctx, batch).Close()
}
