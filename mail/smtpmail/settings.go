package smtpmail

import (
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"

	"bellhop"
)

// Settings are a mail server, the login there, and who mails are from.
type Settings struct {
	Host           string
	Port           int
	ImplicitTLS    bool // from the first byte on; else STARTTLS, which only a server on this machine may lack
	User, Password string
	From           mail.Address
}

// Ports for mail from programs, with STARTTLS and with TLS from the first byte on.
const (
	submission  = 587
	submissions = 465
)

const accepted = "give smtp://USER:PASSWORD@HOST:587?from=NAME+<ADDRESS>, or smtps: for port 465"

func wrong(found string) error { return bellhop.Invalidf("setting", "%s; %s", found, accepted) }

// ParseSettings reads a URL such as smtp://user:password@mail.example.com:587?from=Shop+<shop@example.com>. Without from
// the user is the sender. Errors hold nothing of the URL, which has a password.
func ParseSettings(value string) (s Settings, err error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" {
		return s, wrong("it is not the address of a mail server")
	}
	s.Host, s.ImplicitTLS, s.Port = u.Hostname(), u.Scheme == "smtps", submission
	if s.ImplicitTLS {
		s.Port = submissions
	}
	if u.Port() != "" {
		if s.Port, err = strconv.Atoi(u.Port()); err != nil || s.Port < 1 || s.Port > 65535 {
			return s, wrong("its port is none")
		}
	}
	s.User = u.User.Username()
	s.Password, _ = u.User.Password()
	if (s.User == "") != (s.Password == "") {
		return s, wrong("it has a user without a password, or a password without a user")
	}
	q, err := url.ParseQuery(u.RawQuery)
	from := q.Get("from")
	q.Del("from")
	if err != nil || len(q) > 0 || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return s, wrong("it takes only ?from= behind the host")
	}
	if from == "" {
		from = s.User
	}
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return s, wrong("from is not an e-mail address")
	}
	s.From = *sender
	_, err = bellhop.ParseEmail(sender.Address)
	return s, err
}

// loopback reports whether the server is on this machine, so that nobody listens in between.
func (s *Settings) loopback() bool {
	ip := net.ParseIP(s.Host)
	return s.Host == "localhost" || ip != nil && ip.IsLoopback()
}

// domain is the sender's.
func (s *Settings) domain() string {
	return s.From.Address[strings.LastIndexByte(s.From.Address, '@')+1:]
}
