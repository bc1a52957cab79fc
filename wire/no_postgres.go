//go:build nopostgres

package wire

import "net/url"

// LoginRefused reports whether a database refused the login.
func LoginRefused(error) bool { return false }

func postgresStore(*drivers) (storeDriver, error) { return nil, leftOut("BELLHOP_DB", "postgres:") }

func postgresQueue(*drivers, *url.URL) (queueDriver, error) {
	return nil, leftOut("BELLHOP_QUEUE", "postgres:")
}
