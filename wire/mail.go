package wire

import "bellhop/mail"

// OpenMail returns what sends mail; nil where BELLHOP_MAIL is empty. It reaches nothing yet.
func (c *Config) OpenMail(o Options) (mail.Sender, error) {
	if c.Mail == "" {
		return nil, nil
	}
	o.fill()
	sender, err := openSMTP(c.Mail, o)
	switch {
	case err != nil:
		return nil, withSetting("BELLHOP_MAIL", err)
	case c.URL == "":
		return nil, WrongSetting("BELLHOP_URL", "it is empty, and the links in mails need it",
			"give the address where people reach bellhop, such as https://bellhop.example.com")
	}
	return sender, nil
}
