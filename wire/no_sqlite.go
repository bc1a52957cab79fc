//go:build nosqlite

package wire

import "net/url"

func sqliteStore(*drivers, *url.URL) (storeDriver, error) {
	return nil, leftOut("BELLHOP_DB", "sqlite:")
}

func sqliteQueue(*drivers, *url.URL) (queueDriver, error) {
	return nil, leftOut("BELLHOP_QUEUE", "sqlite:")
}
