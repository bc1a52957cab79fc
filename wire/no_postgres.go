//go:build nopostgres

package wire

func postgresStore(*drivers) (storeDriver, error) { return nil, leftOut("BELLHOP_DB", "postgres:") }
