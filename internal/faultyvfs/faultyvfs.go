// Package faultyvfs is a disk that fails on demand, for tests: a VFS under which
// SQLite meets a full disk or a failing fsync without anybody being root.
package faultyvfs

import (
	"errors"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// Disk is a VFS over the system's.
type Disk struct {
	vfs.VFS
	full     atomic.Bool
	failSync atomic.Int64
	syncs    atomic.Int64
}

// Register makes a disk known to SQLite under a name.
func Register(name string) *Disk {
	d := &Disk{VFS: vfs.Find("")}
	vfs.Register(name, d)
	return d
}

// SetFull makes every write that would make a file longer fail, or ends that.
func (d *Disk) SetFull(full bool) { d.full.Store(full) }

// FailSyncs makes the next n fsyncs fail. As on a real disk, a later one succeeds although the data
// of the failed one may be gone.
func (d *Disk) FailSyncs(n int) { d.failSync.Store(int64(n)) }

// Syncs counts the fsyncs so far.
func (d *Disk) Syncs() int64 { return d.syncs.Load() }

// Open implements [vfs.VFS].
func (d *Disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, out, err := d.VFS.Open(name, flags)
	if err != nil {
		return nil, out, err
	}
	return &file{File: f, disk: d}, out, nil
}

// OpenFilename implements [vfs.VFSFilename].
func (d *Disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	inner, ok := d.VFS.(vfs.VFSFilename)
	if !ok {
		return nil, 0, errors.New("the system's VFS opens no filenames")
	}
	f, out, err := inner.OpenFilename(name, flags)
	if err != nil {
		return nil, out, err
	}
	return &file{File: f, disk: d}, out, nil
}

type file struct {
	vfs.File
	disk *Disk
}

// SharedMemory implements [vfs.FileSharedMemory]; write-ahead logging needs it.
func (f *file) SharedMemory() vfs.SharedMemory {
	if s, ok := f.File.(vfs.FileSharedMemory); ok {
		return s.SharedMemory()
	}
	return nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if f.disk.full.Load() {
		if size, err := f.File.Size(); err != nil || off+int64(len(p)) > size {
			return 0, sqlite3.FULL
		}
	}
	return f.File.WriteAt(p, off)
}

func (f *file) Sync(flags vfs.SyncFlag) error {
	f.disk.syncs.Add(1)
	if f.disk.failSync.Add(-1) >= 0 {
		return sqlite3.IOERR_FSYNC
	}
	return f.File.Sync(flags)
}
