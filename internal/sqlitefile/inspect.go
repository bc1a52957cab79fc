package sqlitefile

import (
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"bellhop"
)

// Version returns that of the SQLite inside this program.
func Version() (string, error) {
	db, err := sqlite3.Open(":memory:")
	if err != nil {
		return "", fmt.Errorf("open a database in memory: %w", err)
	}
	c := &Conn{db: db, stmts: map[string]*Stmt{}}
	defer c.close()
	var v string
	_, err = c.Prepare(`SELECT sqlite_version()`).First(func(r Row) { v = r.Text() })
	return v, err
}

// HasOthers reports whether the file holds another schema than this one and the
// archive's.
func (c *Conn) HasOthers(mine Schema) (bool, error) {
	n, err := c.Prepare(`SELECT count(*) FROM sqlite_schema
		WHERE type = 'table' AND name GLOB 'schema_*' AND name NOT IN (?, ?)`).
		Text("schema_" + archive().Name).Text("schema_" + mine.Name).One()
	return n > 0, err
}

// QuickCheck reads through the whole file and returns an error that names the damage, if any.
func (f *File) QuickCheck(ctx context.Context) error {
	var found string
	err := f.Read(ctx, func(c *Conn) error {
		_, err := c.Prepare(`PRAGMA quick_check(1)`).First(func(r Row) { found = r.Text() })
		return err
	})
	if err != nil {
		return err
	}
	if found != "ok" {
		return bellhop.Errorf(bellhop.Internal, "damaged", "%s is damaged: %s", f.path, found)
	}
	return nil
}
