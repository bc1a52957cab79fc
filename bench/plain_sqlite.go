//go:build !nosqlite

package bench

import _ "github.com/ncruces/go-sqlite3/driver" // for the plain handler
