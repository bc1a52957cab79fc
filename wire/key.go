package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bellhop"
	"bellhop/store"
	"bellhop/store/sealed"
)

// keyAccepted says what BELLHOP_KEY may be.
const keyAccepted = "give 32 bytes in base64, as openssl rand -base64 32 makes them, in 64 hexadecimal digits, or " +
	"file:/path; two, the new one first, with a comma between while rotating"

// keyFile is the key's name beside an SQLite file.
const keyFile = "bellhop.key"

// maxKeyFile bounds what is read of a key's file: two keys have 90 characters.
const maxKeyFile = 1 << 10

// keys reads the keys of BELLHOP_KEY, or those beside the database if that is an SQLite file: none if
// there are none.
func (d *drivers) keys() (sealed.Keys, error) {
	if d.Key != "" {
		keys, err := parseKeys(d.Key)
		return keys, withSetting("BELLHOP_KEY", err)
	}
	path := d.keyPath()
	if _, err := os.Lstat(path); path == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return readKeys(path)
}

// keyPath is where the key of an SQLite file lies; "" for another database.
func (d *drivers) keyPath() string {
	if d.db.file() == "" {
		return ""
	}
	return filepath.Join(filepath.Dir(d.db.file()), keyFile)
}

func parseKeys(setting string) (all sealed.Keys, err error) {
	for part := range strings.SplitSeq(setting, ",") {
		var keys sealed.Keys
		if path, ok := strings.CutPrefix(strings.TrimSpace(part), "file:"); ok {
			keys, err = readKeys(path)
		} else {
			keys, err = oneKey(part)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
	}
	if len(all) > 2 || len(all) == 2 && all[0].ID() == all[1].ID() {
		return nil, bellhop.Invalidf("key", "it is not one key or two different ones; %s", keyAccepted)
	}
	return all, nil
}

func oneKey(text string) (sealed.Keys, error) {
	k, err := sealed.ParseKey(strings.TrimSpace(text))
	if err != nil {
		return nil, bellhop.Invalidf("key", "%v; %s", err, keyAccepted)
	}
	return sealed.Keys{k}, nil
}

// readKeys reads a file with one key, or two with a comma between. Nobody but its user and their group may read it.
func readKeys(path string) (sealed.Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadableKey(path, err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, bellhop.Invalidf("key", "others on this machine can open %s: chmod 600 %[1]s", path)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, bellhop.Invalidf("key", "%s is no file with a key; %s", path, keyAccepted)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadableKey(path, err)
	}
	var all sealed.Keys
	for part := range strings.SplitSeq(string(text), ",") {
		keys, err := oneKey(part)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		all = append(all, keys...)
	}
	return all, nil
}

func unreadableKey(path string, err error) error {
	why := errors.Unwrap(err) // without the path a second time
	return bellhop.Invalidf("key", "can't read %s: %v; let the user that bellhop runs as read it", path, cmp.Or(why, err))
}

// makeKey makes a key beside an SQLite file. Another process may be first: then its key is the one.
func (d *drivers) makeKey() (sealed.Keys, error) {
	path := d.keyPath()
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+keyFile+"-*") // readable for its user alone
	if err == nil {
		defer os.Remove(tmp.Name())
		err = writeKey(tmp, d.db.file())
	}
	if err == nil {
		err = os.Link(tmp.Name(), path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path)) // before anything is sealed with it
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the key %s: %w", path, err)
	}
	return readKeys(path)
}

func writeKey(to *os.File, database string) error {
	_, err := to.WriteString(sealed.MakeKey() + "\n")
	return cmp.Or(err, ownAs(to.Name(), database), to.Sync(), to.Close())
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return cmp.Or(dir.Sync(), dir.Close())
}

// seal returns the store with its secrets sealed. Without a key it makes one beside an SQLite file where
// nothing is sealed yet; elsewhere only [Options.NeedKey] makes a missing key an error.
func (d *drivers) seal(ctx context.Context, s store.Store) (store.Store, error) {
	keys, err := d.keys()
	if err != nil {
		return nil, err
	}
	if keys == nil && d.keyPath() != "" {
		if keys, err = d.firstKey(ctx, s); err != nil {
			return nil, err
		}
	}
	if keys != nil {
		return sealed.Open(ctx, s, keys)
	}
	if d.opts.NeedKey {
		return nil, noKey()
	}
	return sealed.Keyless(s), nil
}

// firstKey makes a key, or reads the one that another process has just made: that is there before anything is sealed
// with it.
func (d *drivers) firstKey(ctx context.Context, s store.Store) (sealed.Keys, error) {
	if is, err := sealed.Sealed(ctx, s); err != nil {
		return nil, err
	} else if !is {
		return d.makeKey()
	}
	keys, err := d.keys()
	if err == nil && keys == nil {
		err = lostKey("database", d.keyPath())
	}
	return keys, err
}

func noKey() error {
	return WrongSetting("BELLHOP_KEY", "it is missing: bellhop seals tokens and secrets in PostgreSQL with it",
		"make one with openssl rand -base64 32, keep it safe, and give it to every bellhop of this database")
}

// lostKey is the error where the key of an SQLite file is away. what is the database or a backup.
func lostKey(what, path string) error {
	return bellhop.Errorf(bellhop.Conflict, "key_missing",
		"the secrets in this %s are sealed, and their key is not at %s: put it there, or set BELLHOP_KEY; if it is "+
			"lost, see docs/key.md", what, path)
}

// fits refuses a backup whose secrets these settings' keys can't open.
func (d *drivers) fits(ctx context.Context, backup store.Store) error {
	keys, err := d.keys()
	if err != nil {
		return err
	}
	if keys != nil {
		return sealed.Check(ctx, backup, keys)
	}
	is, err := sealed.Sealed(ctx, backup)
	if err == nil && is {
		err = lostKey("backup", d.keyPath())
	}
	return err
}

// OpenUnsealed opens the database alone, with its secrets as they are kept, and returns the keys for
// them: none if there are none. With [Options.NeedKey] it makes a missing key beside an SQLite file,
// whatever sealed the secrets.
func (s *Storage) OpenUnsealed(ctx context.Context, o Options) (p *Parts, keys sealed.Keys, err error) {
	d, err := s.only(theStore, o)
	if err != nil {
		return nil, nil, err
	}
	if keys, err = d.keys(); err != nil {
		return nil, nil, err
	}
	if p, err = d.openStoreUnchecked(ctx); err != nil || keys != nil || !o.NeedKey {
		return p, keys, err
	}
	if d.keyPath() == "" {
		err = noKey()
	} else {
		keys, err = d.makeKey()
	}
	if err != nil {
		return nil, nil, errors.Join(err, p.Close())
	}
	return p, keys, nil
}
