package sqlitefile

import (
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"
)

// Every connection knows full-text indexes, also those of migrations.
func init() { sqlite3.AutoExtension(fts5.Register) }
