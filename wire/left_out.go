//go:build nosqlite || nopostgres || noamqp || nomail

package wire

// leftOut is the error of a driver that this build lacks.
func leftOut(setting, scheme string) error {
	return WrongSetting(setting, "this program was built without "+scheme, "use one built with it")
}
