//go:build nopostgres

package wire

import "net/url"

func postgresStore(*drivers) (storeDriver, error) { return nil, leftOut("BELLHOP_DB", "postgres:") }

func postgresQueue(*drivers, *url.URL) (queueDriver, error) {
	return nil, leftOut("BELLHOP_QUEUE", "postgres:")
}
