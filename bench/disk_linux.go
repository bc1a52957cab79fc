package bench

import "golang.org/x/sys/unix"

// diskInMemory is a file system on which fsync does nothing.
const diskInMemory = "tmpfs"

// diskOf names the file system that a folder is on; "" when it is not known.
func diskOf(dir string) string {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return ""
	}
	return map[int64]string{
		unix.TMPFS_MAGIC: diskInMemory, unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs",
		unix.BTRFS_SUPER_MAGIC: "btrfs", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs", unix.F2FS_SUPER_MAGIC: "f2fs",
		0x2fc12fc1: "zfs",
	}[int64(s.Type)]
}
