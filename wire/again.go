package wire

import (
	"context"
	"errors"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/store"
	"bellhop/store/move"
	"bellhop/store/sealed"
)

// RedactAgain takes out of the database, which its own tools restored, what the one at an address was asked to forget
// or erase since. Errors call the address --replaced.
func (s *Storage) RedactAgain(ctx context.Context, replaced string, o Options) (done pipeline.Again, err error) {
	source := end{"--replaced", *s, o}
	source.DB, source.Queue = replaced, replaced
	from, err := source.drivers(ctx, true)
	if err != nil {
		return done, source.withFlag(err)
	}
	was, err := from.openStoreUnchecked(ctx)
	if err != nil {
		return done, source.withFlag(err)
	}
	d, err := s.only(theStore, o)
	if err != nil {
		return done, errors.Join(err, was.Close())
	}
	is, err := d.openStoreUnchecked(ctx)
	if err != nil {
		return done, errors.Join(err, was.Close())
	}
	done, err = d.redactAgain(ctx, was.Store, is.Store)
	return done, errors.Join(err, is.Close(), was.Close())
}

// redactAgain takes out of a restored store what the one that it replaces was asked to forget or erase since. Both
// come as they are kept. Without any request it needs no key.
func (d *drivers) redactAgain(ctx context.Context, was, is store.Store) (done pipeline.Again, err error) {
	page, err := was.Requests(ctx, store.RequestQuery{Limit: 1})
	if err != nil || len(page.Requests) == 0 {
		return done, err
	}
	keys, opened, err := d.openReplaced(ctx, was)
	if err != nil && d.opts.LostKey {
		d.opts.Log.Warn("the replaced database's key is lost: whom it was asked to forget since is in the restored one",
			"err", err)
		return done, nil
	}
	if err != nil {
		return done, err
	}
	shared, err := sealed.ShareMarks(ctx, was, is, keys)
	if err != nil {
		return done, err
	}
	if shared {
		err = carryMarks(ctx, was.(move.Mover), is)
	} else {
		d.opts.Log.Warn("the replaced database has another list of whom to forget: orders that come for the first time " +
			"are held against the backup's list alone")
	}
	if err != nil {
		return done, err
	}
	return pipeline.RedactAgain(ctx, opened, is, d.opts.Now())
}

func (d *drivers) openReplaced(ctx context.Context, was store.Store) (sealed.Keys, *sealed.Store, error) {
	keys, err := d.keys()
	if err == nil && keys == nil {
		err = lostKey("replaced database", d.keyPath())
	}
	if err != nil {
		return nil, nil, err
	}
	opened, err := sealed.Open(ctx, was, keys)
	return keys, opened, err
}

// carryMarks adds the marks of one store to another one.
func carryMarks(ctx context.Context, from move.Mover, to store.Privacy) error {
	for place := ""; ; {
		chunk, next, err := from.Export(ctx, move.TableMarks, place, move.ChunkLimit{Rows: 1000, Bytes: 1 << 20})
		if err != nil {
			return err
		}
		shops := map[string]map[bellhop.Mark]time.Time{}
		for _, m := range chunk.Marks {
			if shops[m.Shop] == nil {
				shops[m.Shop] = map[bellhop.Mark]time.Time{}
			}
			shops[m.Shop][m.Mark] = m.Until
		}
		for shop, marks := range shops {
			if err := to.AddMarks(ctx, shop, marks); err != nil {
				return err
			}
		}
		if place = next; place == "" {
			return nil
		}
	}
}
