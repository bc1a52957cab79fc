//go:build !nomail

package wire

import (
	"bellhop/mail"
	"bellhop/mail/smtpmail"
)

func openSMTP(value string, o Options) (mail.Sender, error) {
	s, err := smtpmail.ParseSettings(value)
	if err != nil {
		return nil, err
	}
	return smtpmail.New(s, smtpmail.Options{Now: o.Now, Dial: o.Dial}), nil
}
