package driver

import (
	"strings"

	"bellhop"
)

// maxBackupName bounds a file's name.
const maxBackupName = 255

// CheckBackup checks the note of a backup.
func CheckBackup(b bellhop.BackupNote) error {
	if b.Name == "" || len(b.Name) > maxBackupName || strings.ContainsAny(b.Name, "/\x00") || b.MadeAt.IsZero() {
		return bellhop.Invalidf("backup", "a backup needs a name without a path, of up to %d bytes, and a time",
			maxBackupName)
	}
	return nil
}
