package bench

import "syscall"

// diskInMemory is a file system on which fsync does nothing.
const diskInMemory = "tmpfs"

// diskOf names the file system that a folder is on; "" when it is not known.
func diskOf(dir string) string {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return ""
	}
	return map[int64]string{ // statfs(2)
		0x01021994: diskInMemory, 0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x794c7630: "overlayfs",
		0xf2f52010: "f2fs", 0x2fc12fc1: "zfs",
	}[int64(s.Type)]
}
