package pgstore

import (
	"context"
	"sync/atomic"

	"bellhop/internal/bodies"
	"bellhop/internal/postgres"
)

// archive packs bodies.
type archive struct {
	*bodies.Packer
	kept atomic.Bool // the dictionary is in the database
}

// keepDictionary saves the dictionary before any body is packed with it.
func (db *DB) keepDictionary(ctx context.Context) error {
	if db.bodies.kept.Load() {
		return nil
	}
	id, bytes := db.bodies.Dictionary()
	err := db.worker.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`INSERT INTO dictionaries (id, bytes) VALUES ($1,$2) ON CONFLICT (id) DO NOTHING`, id, bytes)
	})
	if err == nil {
		db.bodies.kept.Store(true)
	}
	return wrap("keep the dictionary", err)
}

func (db *DB) pack(body []byte) (coding int64, stored []byte) {
	var scratch []byte
	coding, stored = db.bodies.Pack(&scratch, body)
	if stored == nil {
		stored = []byte{} // NULL stands for a pruned body
	}
	return coding, stored
}

func (db *DB) unpack(coding int64, stored []byte) ([]byte, error) {
	return db.bodies.Unpack(coding, stored, func(id int64) ([]byte, error) {
		found, err := list(db.ctx, db.worker, "read a dictionary", (*postgres.Row).Blob,
			`SELECT bytes FROM dictionaries WHERE id = $1`, id)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		return found[0], nil
	})
}
