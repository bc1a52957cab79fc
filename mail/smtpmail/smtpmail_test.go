package smtpmail_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/mail"
	"bellhop/mail/mailtest"
	"bellhop/mail/smtpmail"
	"bellhop/simulate"
)

// certificate is of 127.0.0.1 and example.com, with what trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: roots}
}

// twin serves a mail server, and returns its address.
func twin(t *testing.T, o simulate.SMTPOptions) (*simulate.SMTP, net.Listener) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := simulate.NewSMTP(o)
	s.Serve(l)
	t.Cleanup(s.Close)
	return s, l
}

const user, password = "shop@example.com", "hush: a p@ssword"

func settings(t *testing.T, l net.Listener, scheme string) smtpmail.Settings {
	t.Helper()
	s, err := smtpmail.ParseSettings(scheme + "://shop%40example.com:hush%3A%20a%20p%40ssword@" + l.Addr().String() +
		"?from=Demo+Shop+<shop@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	server, client := certificate(t)
	for _, how := range []struct {
		name, scheme string
		simulate.SMTPOptions
	}{
		{"Plain", "smtp", simulate.SMTPOptions{User: user, Password: password}},
		{"Login", "smtp", simulate.SMTPOptions{User: user, Password: password, OnlyLogin: true}},
		{"TLS", "smtps", simulate.SMTPOptions{User: user, Password: password, TLS: server, Implicit: true}},
	} {
		t.Run(how.name, func(t *testing.T) {
			mailtest.Run(t, func(t *testing.T) mailtest.Peer {
				s, l := twin(t, how.SMTPOptions)
				return peer(smtpmail.New(settings(t, l, how.scheme), smtpmail.Options{TLS: client}), s, l)
			})
		})
	}
}

func peer(sender mail.Sender, s *simulate.SMTP, l net.Listener) mailtest.Peer {
	return mailtest.Peer{
		Sender: sender,
		Sent: func() (all []mail.Message) {
			for _, m := range s.Sent() {
				all = append(all, mail.Message{To: m.To, Subject: m.Subject, Text: m.Text})
			}
			return all
		},
		Answer: func(r mail.Reason) {
			for _, step := range []string{"RCPT", "message", "AUTH", "MAIL"} {
				s.Fault(step, "")
			}
			switch r {
			case mail.ReasonRecipient:
				s.Fault("RCPT", "550 5.1.1 <who-nobody-may-read@example.com>: no such user")
			case mail.ReasonRefused:
				s.Fault("message", "554 5.7.1 who-nobody-may-read@example.com wants no such thing")
			case mail.ReasonNotAllowed:
				s.Fault("AUTH", "535 5.7.8 wrong password")
			case mail.ReasonUnavailable:
				s.Fault("RCPT", "450 4.2.1 <who-nobody-may-read@example.com>: come back later")
			case mail.ReasonUnknown:
				s.Fault("message", simulate.SMTPDrops)
			}
		},
		Hang: func() <-chan string { s.Fault("message", simulate.SMTPHangs); return s.Hung },
		Down: func() { l.Close() },
	}
}

// TestEachStep has each step fail in each way. Nothing of the login comes into an error.
func TestEachStep(t *testing.T) {
	s, l := twin(t, simulate.SMTPOptions{User: user, Password: password})
	sender := smtpmail.New(settings(t, l, "smtp"), smtpmail.Options{})
	for _, step := range []string{"connect", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"} {
		for _, c := range []struct {
			what string
			want mail.Reason
		}{{"421 4.3.2 going down", mail.ReasonUnavailable}, {simulate.SMTPDrops, mail.ReasonUnavailable},
			{"530 5.7.0 hush: a p@ssword of who@example.com", mail.ReasonNotAllowed}} {
			if step == "DATA" && c.want == mail.ReasonNotAllowed {
				c.want = mail.ReasonRefused
			}
			s.Fault(step, c.what)
			err := sender.Send(t.Context(), mail.Message{To: "who@example.com", Subject: "s", Text: "t"})
			if e := mail.AsError(err); err == nil || e.Reason != c.want || strings.Contains(err.Error(), "hush") ||
				strings.Contains(err.Error(), "who@") {
				t.Errorf("%s at %s: %v, want %s", c.what, step, err, c.want)
			}
		}
		s.Fault(step, "")
	}
	s.Fault("QUIT", simulate.SMTPDrops)
	if err := sender.Send(t.Context(), mail.Message{To: "who@example.com", Subject: "s", Text: "t"}); err != nil {
		t.Errorf("a server that doesn't say good-bye: %v", err)
	}
}

// TestEndsWhileItHangs hangs at each step, before and in TLS.
func TestEndsWhileItHangs(t *testing.T) {
	s, l := twin(t, simulate.SMTPOptions{User: user, Password: password})
	sender := smtpmail.New(settings(t, l, "smtp"), smtpmail.Options{})
	for _, step := range []string{"connect", "EHLO", "AUTH", "MAIL", "DATA"} {
		s.Fault(step, simulate.SMTPHangs)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- sender.Send(ctx, mail.Message{To: "who@example.com", Subject: "s", Text: "t"}) }()
		<-s.Hung
		cancel()
		select {
		case err := <-ended:
			if mail.AsError(err).Reason != mail.ReasonUnavailable {
				t.Errorf("%s: %v", step, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: it waits on", step)
		}
		s.Fault(step, "")
	}
}

// TestEncryption sends nothing to a server elsewhere that has no TLS, or one that nobody vouches for. The name of the
// server elsewhere is its certificate's; it is reached through the loopback all the same.
func TestEncryption(t *testing.T) {
	server, client := certificate(t)
	for _, c := range []struct {
		name    string
		o       simulate.SMTPOptions
		trusts  *tls.Config
		reasons mail.Reason
	}{
		{"STARTTLS", simulate.SMTPOptions{User: user, Password: password, TLS: server}, client, ""},
		{"none", simulate.SMTPOptions{User: user, Password: password}, client, mail.ReasonNotAllowed},
		{"unknown", simulate.SMTPOptions{User: user, Password: password, TLS: server}, nil, mail.ReasonNotAllowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, l := twin(t, c.o)
			to := settings(t, l, "smtp")
			to.Host = "example.com"
			sender := smtpmail.New(to, smtpmail.Options{TLS: c.trusts, Dial: func(ctx context.Context, network, _ string) (
				net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, l.Addr().String())
			}})
			err := sender.Send(t.Context(), mail.Message{To: "who@example.com", Subject: "s", Text: "t"})
			if c.reasons == "" && err != nil || c.reasons != "" && mail.AsError(err).Reason != c.reasons {
				t.Errorf("%v, want %q", err, c.reasons)
			}
			if sent := len(s.Sent()); (sent == 1) != (err == nil) {
				t.Errorf("it took %d", sent)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	for value, want := range map[string]string{
		"smtp://u%40x.example:p@mail.example.com":                              "mail.example.com 587 false u@x.example u@x.example",
		"smtps://u:p@mail.example.com?from=Shop+<a@example.com>":               "mail.example.com 465 true u a@example.com",
		"smtp://127.0.0.1:2525?from=a@example.com":                             "127.0.0.1 2525 false  a@example.com",
		"smtp://[::1]:2525?from=a%2Bb@example.com":                             "::1 2525 false  a+b@example.com",
		"smtp://u:p@mail.example.com/?from=%EB%8D%B0%EB%AA%A8 <a@example.com>": "mail.example.com 587 false u a@example.com",
	} {
		s, err := smtpmail.ParseSettings(value)
		got := fmt.Sprint(s.Host, " ", s.Port, " ", s.ImplicitTLS, " ", s.User, " ", s.From.Address)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v", value, got, err)
		}
	}
	for _, value := range []string{"", "smtp:", "smtp://", "hush", "http://u:hush@h?from=a@b.example", "smtp://u:hush@h",
		"smtp://u@x.example:hush@h:0", "smtp://u:hush@h:99999?from=a@b.example", "smtp://u@h?from=a@b.example",
		"smtp://:hush@h?from=a@b.example", "smtp://u:hush@h/path?from=a@b.example", "smtp://u:hush@h?form=a@b.example",
		"smtp://u:hush@h?from=a", "smtp://u:hush@h?from=a@b.example,c@d.example", "smtp://u:hu%sh@h?from=a@b.example",
		"smtp://u:hush@h?from=a@b.example&x=1", "smtp://u:hush@h?from=%22a%20b%22@b.example"} {
		if _, err := smtpmail.ParseSettings(value); bellhop.KindOf(err) != bellhop.Invalid ||
			strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", value, err)
		}
	}
}
