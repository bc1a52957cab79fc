//go:build nosqlite || nopostgres || noamqp

package wire

import "bellhop"

// leftOut is the error of a driver that this program was built without.
func leftOut(setting, scheme string) error {
	return bellhop.Invalidf("setting", "%s: this program was built without %s; use one built with it", setting, scheme)
}
