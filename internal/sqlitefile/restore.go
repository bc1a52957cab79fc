package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/ncruces/go-sqlite3"

	"bellhop"
)

// IDRoom is the room above ids that must never come again, for those given out during a restore.
const IDRoom = 1 << 20

// Restore makes the content of the file at path that of the backup, in one
// transaction, also while others use the file: they go on with the restored
// state. It migrates an older program's backup on the way. It refuses a
// file that is no backup, damaged, newer than this program can work with, or that accept refuses,
// and changes nothing. accept looks at a migrated copy. now makes numbers larger than before.
func Restore(
	ctx context.Context, path string, backup Backup, now time.Time, accept func(path string) error, schemas ...Schema,
) error {
	if same(path, backup.Path) {
		return bellhop.Invalidf("backup", "%s is the database itself: name a backup of it", backup.Path)
	}
	if _, err := Migrate(ctx, path, schemas...); err != nil {
		return err
	}
	tmp := path + ".restore"
	defer removeAll(tmp)
	if err := backup.copyTo(ctx, tmp, schemas); err != nil {
		return err
	}
	if _, err := Migrate(ctx, tmp, schemas...); err != nil {
		return err
	}
	if err := carryOver(ctx, path, tmp, now, schemas); err != nil {
		return err
	}
	if err := accept(tmp); err != nil {
		return err
	}
	return replace(ctx, path, tmp)
}

func same(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// removeAll removes a file together with SQLite's files beside it.
func removeAll(path string) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		_ = os.Remove(path + suffix) // most aren't there
	}
}

// Backup is a file that [File.Backup] wrote.
type Backup struct {
	Path string
	// Decrypt writes it decrypted to another file; nil for a plain one.
	Decrypt func(to string) error
}

// copyTo copies a backup to a file of our own, and reads all of it, so that it finds damage
// before it touches anything.
func (b Backup) copyTo(ctx context.Context, tmp string, schemas []Schema) error {
	if info, err := os.Stat(b.Path); errors.Is(err, fs.ErrNotExist) {
		return bellhop.Errorf(bellhop.NotFound, "backup", "there is no file %s", b.Path)
	} else if err != nil {
		return fmt.Errorf("look at %s: %w", b.Path, err)
	} else if !info.Mode().IsRegular() || info.Size() == 0 {
		return notBackup(b.Path)
	}
	path := b.Path
	if b.Decrypt != nil {
		path = tmp + ".plain"
		defer removeAll(path)
		if err := b.Decrypt(path); err != nil {
			return err
		}
	}
	if err := copyWhole(ctx, path, tmp, schemas); err != nil {
		return readBackup(b.Path, err)
	}
	return nil
}

// errNoSchema says that a database is none of ours.
var errNoSchema = errors.New("a schema is missing")

// copyWhole copies a database that has the schemas.
func copyWhole(ctx context.Context, path, tmp string, schemas []Schema) error {
	c, err := (&File{path: path}).connect(ctx, copierPragmas)
	if err != nil {
		return err
	}
	defer c.close()
	for _, s := range append([]Schema{archive()}, schemas...) {
		n, err := c.Prepare(`SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?`).
			Text("schema_" + s.Name).One()
		if err != nil {
			return err
		}
		if n == 0 {
			return errNoSchema
		}
	}
	return copyTo(ctx, c, tmp)
}

func notBackup(path string) error {
	return bellhop.Invalidf("backup", "%s is not a backup that bellhop made", path)
}

func readBackup(path string, err error) error {
	if errors.Is(err, sqlite3.NOTADB) || errors.Is(err, errNoSchema) {
		return notBackup(path)
	}
	if errors.Is(err, sqlite3.CORRUPT) {
		return &bellhop.Error{Kind: bellhop.Invalid, Code: "backup", Message: path + " is damaged: take another backup",
			Cause: err}
	}
	return fmt.Errorf("read the backup %s: %w", path, err)
}

// copierPragmas leave out query_only, which forbids VACUUM INTO as well.
const copierPragmas = `PRAGMA busy_timeout=5000; PRAGMA temp_store=FILE`

// copyTo writes a copy of c's database to tmp, readable for its owner alone.
func copyTo(ctx context.Context, c *Conn, tmp string) error {
	removeAll(tmp)
	if err := touch(tmp); err != nil { // an empty file keeps its mode
		return err
	}
	c.db.SetInterrupt(ctx)
	defer c.db.SetInterrupt(context.Background())
	return readError(ctx, c.Prepare("VACUUM INTO ?").Text(tmp).Exec())
}

// carryOver copies into tmp the data that has to outlive the replaced state, since running
// processes rely on it: their dictionaries, and the ids that must never come again, such as those
// of leases.
func carryOver(ctx context.Context, path, tmp string, now time.Time, schemas []Schema) error {
	from, err := (&File{path: path}).connect(ctx, readerPragmas)
	if err != nil {
		return err
	}
	defer from.close()
	to, err := (&File{path: tmp}).connect(ctx, `PRAGMA synchronous=OFF`)
	if err != nil {
		return err
	}
	defer to.close()
	if _, err := loadDictionaries(to); err != nil {
		return err
	}
	err = from.Prepare(`SELECT id, bytes FROM dictionaries`).Each(func(r Row) error {
		return to.Prepare(`INSERT OR IGNORE INTO dictionaries (id, bytes) VALUES (?,?)`).Int(r.Int()).Blob(r.Blob()).Exec()
	})
	if err != nil {
		return fmt.Errorf("carry dictionaries over: %w", err)
	}
	err = from.Prepare(`SELECT name, seq FROM sqlite_sequence`).Each(func(r Row) error {
		return to.RaiseID(r.Text(), r.Int()+IDRoom)
	})
	for _, s := range schemas {
		if err == nil && s.CarryOver != nil {
			err = s.CarryOver(from, to, now.UnixMicro())
		}
	}
	if err != nil {
		return fmt.Errorf("carry ids over: %w", err)
	}
	return nil
}

// RaiseID makes the next id of a table with AUTOINCREMENT larger than id.
func (c *Conn) RaiseID(table string, id int64) error {
	err := c.Prepare(`UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?`).Int(id).Text(table).Exec()
	if err != nil || c.Changes() > 0 {
		return err
	}
	return c.Prepare(`INSERT INTO sqlite_sequence (name, seq) VALUES (?,?)`).Text(table).Int(id).Exec()
}

// replace copies all pages of tmp over those of the file at path, in one transaction: concurrent
// readers see the old state to the end.
func replace(ctx context.Context, path, tmp string) error {
	c, err := (&File{path: path}).connect(ctx, writerPragmas)
	if err != nil {
		return err
	}
	defer c.close()
	for deadline := time.Now().Add(busyPatience); ; {
		err := c.db.Restore("main", uri(tmp, ""))
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || !errors.Is(err, sqlite3.BUSY) || time.Now().After(deadline) {
			return fmt.Errorf("restore %s: %w", path, readError(ctx, err))
		}
	}
}

// busyPatience is how long a restore waits for the writers of other processes
// to be between two transactions. Each try waits for 5 s by itself.
const busyPatience = 30 * time.Second
