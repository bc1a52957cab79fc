package webtest

import (
	"context"
	"regexp"
	"testing"

	"bellhop/mail"
	"bellhop/web/site"
)

// Mailbox gets the mails of a rig: New(t, box.Take).
type Mailbox struct {
	Sent chan mail.Message
	Fail func(ctx context.Context) error // called for each mail, unless nil
}

// NewMailbox has room for 100 mails that nobody reads.
func NewMailbox() *Mailbox { return &Mailbox{Sent: make(chan mail.Message, 100)} }

// Take lets a rig send mail.
func (b *Mailbox) Take(o *site.Options) { o.Mail, o.URL = b, AppURL }

// Send implements [mail.Sender].
func (b *Mailbox) Send(ctx context.Context, m mail.Message) error {
	if b.Fail != nil {
		if err := b.Fail(ctx); err != nil {
			return err
		}
	}
	b.Sent <- m
	return nil
}

// Check implements [mail.Sender].
func (b *Mailbox) Check(context.Context) error { return nil }

var (
	mailedLink = regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(AppURL) + `/signin\?once=(bh_m_\S{43})$`)
	mailedCode = regexp.MustCompile(`(?m)^(\d{6})$`)
)

// Secrets are what a mail signs in with.
func Secrets(t testing.TB, m mail.Message) (once, code string) {
	t.Helper()
	link, digits := mailedLink.FindStringSubmatch(m.Text), mailedCode.FindStringSubmatch(m.Text)
	if link == nil || digits == nil {
		t.Fatalf("no link or no code in %q", m.Text)
	}
	return link[1], digits[1]
}
