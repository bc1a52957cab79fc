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

// QuickCheck reads through the whole file and returns an error that says what
// is damaged, if anything.
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
