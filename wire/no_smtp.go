//go:build nomail

package wire

import "bellhop/mail"

func openSMTP(string, Options) (mail.Sender, error) { return nil, leftOut("BELLHOP_MAIL", "mail") }
