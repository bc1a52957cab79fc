//go:build !unix

package wire

// ownAs does nothing: only Unix has a root that runs commands for others.
func ownAs(_, _ string) error { return nil }
