package sqlitefile

import (
	"encoding/binary"
	"slices"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// blanker is a VFS that writes zeros into the parts of a page that hold nothing. SQLite overwrites
// what it deletes (secure_delete), but not the copies that it leaves behind when it moves rows within
// a page to gather the room between them.
type blanker struct{ vfs.VFS }

// blanking returns the name of the blanker over another VFS.
func blanking(name string) string {
	over := "blanking" + name
	if vfs.Find(over) == nil {
		vfs.Register(over, blanker{vfs.Find(name)})
	}
	return over
}

// Open implements [vfs.VFS].
func (b blanker) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, out, err := vfsutil.WrapOpen(b.VFS, name, flags)
	return blanks(f, flags), out, err
}

// OpenFilename implements [vfs.VFSFilename].
func (b blanker) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, out, err := vfsutil.WrapOpenFilename(b.VFS, name, flags)
	return blanks(f, flags), out, err
}

// blanks leaves the log alone, whose pages have checksums, and which is truncated.
func blanks(f vfs.File, flags vfs.OpenFlag) vfs.File {
	if f == nil || flags&vfs.OPEN_MAIN_DB == 0 {
		return f
	}
	return &blankedFile{f}
}

type blankedFile struct{ vfs.File }

// SharedMemory implements [vfs.FileSharedMemory]; write-ahead logging needs it.
func (f *blankedFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

// WriteAt writes a page.
func (f *blankedFile) WriteAt(p []byte, off int64) (int, error) {
	if from, to := unused(p, off); slices.ContainsFunc(p[from:to], func(b byte) bool { return b != 0 }) {
		p = slices.Clone(p)
		clear(p[from:to])
	}
	return f.File.WriteAt(p, off)
}

// fileHeader is before the first page's own header.
const fileHeader = 100

// unused returns where a page has room between the pointers to its cells and the first of them: an empty
// part of a page that is no b-tree's. See https://sqlite.org/fileformat.html#b_tree_pages.
func unused(p []byte, off int64) (from, to int) {
	const pages = 1 << 25 // beyond it another page's number, with which other pages begin, may look like a kind
	start := 0
	if off == 0 {
		start = fileHeader
	}
	if len(p) < 512 || len(p) > 65536 || off%int64(len(p)) != 0 || off/int64(len(p)) >= pages {
		return 0, 0
	}
	switch p[start] {
	case 2, 5: // it has children
		from = start + 12
	case 10, 13: // a leaf
		from = start + 8
	default:
		return 0, 0
	}
	cells := int(binary.BigEndian.Uint16(p[start+3:]))
	to = int(binary.BigEndian.Uint16(p[start+5:]))
	pointers := from
	from += 2 * cells
	if from > to || to > len(p) {
		return 0, 0
	}
	for at := pointers; at < from; at += 2 {
		if int(binary.BigEndian.Uint16(p[at:])) < to {
			return 0, 0
		}
	}
	return from, to
}
