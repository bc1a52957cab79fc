package web_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bellhop"
	"bellhop/mail"
	"bellhop/web"
	"bellhop/web/webtest"
)

// mailing is what mails people of a rig's store, one after the other.
type mailing struct {
	*webtest.Rig
	mails *web.SignInMails
	auth  *web.Auth
	box   *webtest.Mailbox
}

const jo = "jo@example.com"

func newMailing(t *testing.T) *mailing {
	m := &mailing{Rig: webtest.New(t), box: webtest.NewMailbox()}
	m.auth = web.NewAuth(m.DB, nil, m.Clock.Now)
	m.auth.Hurry()
	m.mails = web.NewSignInMails(web.MailOptions{Auth: m.auth, Sender: m.box, URL: webtest.AppURL,
		Log: slog.New(slog.NewTextHandler(m.Logged, nil))})
	t.Cleanup(m.mails.Close)
	return m
}

// ask asks for a mail, and reports whether one came.
func (m *mailing) ask(email, network string) (got mail.Message, came bool) {
	m.Helper()
	webtest.Must(m, m.mails.Grant(m.Context(), email, network, "ko-KR,ko"))
	select {
	case got = <-m.box.Sent:
		return got, true
	default:
		return got, false
	}
}

// asked is the secrets of a mail to jo that must come, a while after the one before.
func (m *mailing) asked() (once, code string) {
	m.Helper()
	m.Clock.Add(5 * time.Hour)
	got, came := m.ask(jo, "198.51.100.1")
	if !came {
		m.Fatal("no mail came")
	}
	return webtest.Secrets(m, got)
}

func from(n int) web.Client {
	return web.Client{Address: netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::1", n))}
}

func (m *mailing) try(email, code string, n int) error {
	_, err := m.auth.SignInWithCode(m.Context(), email, code, false, from(n))
	return err
}

// other is a code that isn't.
func other(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

func TestWhoGetsAMail(t *testing.T) {
	m := newMailing(t)
	webtest.Must(t, m.DB.UpdateShop(t.Context(), webtest.Other, func(s *bellhop.Shop) { s.Disabled = true }))
	_, err := m.DB.AddPerson(t.Context(), bellhop.Person{Email: "kit@example.com", Role: bellhop.RoleStaff,
		Shop: webtest.Demo, AddedAt: webtest.Day, Settings: bellhop.Settings{Language: "ja"}})
	webtest.Must(t, err)
	for email, want := range map[string]string{"nobody@example.com": "", "op@example.com": "", "kim@example.com": "",
		jo: "bellhop 로그인", "\u212ait@example.com": "", "KIT@example.com": "bellhop へのログイン"} {
		// What ParseEmail makes of it is what Ask passes on.
		folded, err := bellhop.ParseEmail(email)
		webtest.Must(t, err)
		got, came := m.ask(folded, "192.0.2.9")
		if email == "\u212ait@example.com" { // folds to kit's, and kit's own is where it goes
			if came && got.To != "kit@example.com" {
				t.Errorf("a mail for kit went to %s", got.To)
			}
			m.Clock.Add(time.Minute)
			continue
		}
		if came != (want != "") || got.Subject != want || came && got.To != strings.ToLower(email) {
			t.Errorf("%s: %+v, want %q", email, got, want)
		}
		if want != "" {
			webtest.Secrets(t, got)
		}
		m.Clock.Add(time.Minute)
	}
}

// TestStrangersGetLittle has them ask for a day, and guess at each code, all from new networks. No limit in memory
// counts, from which others may push a key.
func TestStrangersGetLittle(t *testing.T) {
	m := newMailing(t)
	p, err := m.DB.PersonByEmail(t.Context(), jo)
	webtest.Must(t, err)
	mails, guesses := 0, 0
	for n := range 24 {
		if _, came := m.ask(jo, fmt.Sprint("network ", n)); came {
			mails++
		}
		for range 7 {
			if _, err := m.DB.TryCode(t.Context(), p.ID, m.Clock.Now()); err == nil {
				guesses++
			}
		}
		m.Clock.Add(time.Hour)
	}
	if mails < 8 || mails > 10 || guesses != 5*mails {
		t.Errorf("%d mails and %d guesses in a day", mails, guesses)
	}
	if _, came := m.ask(jo, "192.0.2.1"); !came { // webtest's people signed in from there
		t.Error("strangers used up jo's own mails")
	}
}

func TestCodes(t *testing.T) {
	m := newMailing(t)
	_, code := m.asked()
	for _, c := range []struct{ email, code string }{{jo, ""}, {jo, "12345"}, {jo, "1234567"}, {jo, "１２３４５６"},
		{jo, "12345a"}, {"kim@example.com", code}, {"nobody@example.com", code}, {"op@example.com", code}} {
		if err := m.try(c.email, c.code, 1); err != web.ErrCode {
			t.Errorf("%s %q: %v", c.email, c.code, err)
		}
	}
	for n := range 4 {
		if err := m.try(jo, other(code), n); err != web.ErrCode {
			t.Error(err)
		}
	}
	if err := m.try(" JO@example.com", code, 9); err != nil {
		t.Errorf("after four wrong ones: %v", err)
	}
	if err := m.try(jo, code, 10); err != web.ErrCode {
		t.Errorf("used again: %v", err)
	}

	once, code := m.asked()
	for n := range 5 {
		_ = m.try(jo, other(code), n)
	}
	if err := m.try(jo, code, 9); err != web.ErrCode {
		t.Errorf("after five wrong ones: %v", err)
	}
	// Whoever used up the tries takes nothing from who has the mail.
	if _, err := m.auth.UseLink(t.Context(), once, from(1)); err != nil {
		t.Errorf("its link: %v", err)
	}
	if _, err := m.auth.UseLink(t.Context(), once, from(1)); err != web.ErrLinkUsed {
		t.Errorf("its link again: %v", err)
	}

	once, old := m.asked()
	newer, code := m.asked()
	if err := m.try(jo, old, 1); err != web.ErrCode && old != code {
		t.Errorf("the older code: %v", err)
	}
	if _, err := m.auth.UseLink(t.Context(), once, from(1)); err != web.ErrLinkUsed {
		t.Errorf("the older link: %v", err)
	}
	if err := m.try(jo, code, 2); err != nil {
		t.Errorf("the newer code: %v", err)
	}
	if _, err := m.auth.UseLink(t.Context(), newer, from(1)); err != web.ErrLinkUsed {
		t.Errorf("the link of a code that was used: %v", err)
	}

	once, code = m.asked()
	m.Clock.Add(10 * time.Minute)
	if err := m.try(jo, code, 3); err != web.ErrCode {
		t.Errorf("ten minutes later: %v", err)
	}
	if _, err := m.auth.UseLink(t.Context(), once, from(1)); err != web.ErrLinkUsed {
		t.Errorf("its link: %v", err)
	}
}

// TestOneOfManyUsesACode has many bring the right code at once.
func TestOneOfManyUsesACode(t *testing.T) {
	m := newMailing(t)
	_, code := m.asked()
	var in atomic.Int32
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			if m.try(jo, code, n) == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d signed in", in.Load())
	}
}

// TestAMailProvesTheAddress takes an account from whoever made it under somebody else's address.
func TestAMailProvesTheAddress(t *testing.T) {
	m := newMailing(t)
	p, err := m.DB.AddPerson(t.Context(), bellhop.Person{Email: "lee@example.com", Role: bellhop.RoleStaff,
		Shop: webtest.Demo, AddedAt: webtest.Day, Unproven: true, PasswordHash: "a stranger's"})
	webtest.Must(t, err)
	webtest.Must(t, m.DB.AddSession(t.Context(), bellhop.Session{TokenHash: [32]byte{7}, PersonID: p.ID,
		CreatedAt: webtest.Day, ExpiresAt: m.Clock.Now().Add(time.Hour)}, "203.0.113.1"))
	got, _ := m.ask(p.Email, "198.51.100.1")
	once, _ := webtest.Secrets(t, got)
	in, err := m.auth.UseLink(t.Context(), once, from(1))
	webtest.Must(t, err)
	if _, _, err := m.DB.Session(t.Context(), [32]byte{7}, m.Clock.Now()); bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("the stranger's session: %v", err)
	}
	_, now, err := m.DB.Session(t.Context(), in.Session.TokenHash, m.Clock.Now())
	if err != nil || now.Unproven || now.PasswordHash != "" {
		t.Errorf("%+v, %v", now, err)
	}
}

// TestAServerThatHangsHoldsNobody fills all places with mails that don't go out.
func TestAServerThatHangsHoldsNobody(t *testing.T) {
	m := newMailing(t)
	hung := make(chan struct{}, 10)
	m.box.Fail = func(ctx context.Context) error {
		hung <- struct{}{}
		<-ctx.Done()
		return &mail.Error{Reason: mail.ReasonUnavailable, Cause: ctx.Err()}
	}
	for n := range 4 {
		email := fmt.Sprintf("p%d@example.com", n)
		_, err := m.DB.AddPerson(t.Context(), bellhop.Person{Email: email, Role: bellhop.RoleStaff, Shop: webtest.Demo,
			AddedAt: webtest.Day})
		webtest.Must(t, err)
		webtest.Must(t, m.mails.Ask(email, from(n), ""))
		<-hung
	}
	refused := 0
	for n := range 100 {
		err := m.mails.Ask(jo, from(100+n), "")
		if retry, ok := errors.AsType[*web.RetryError](err); err != nil && (!ok || retry.After <= 0) {
			t.Fatal(err)
		}
		if err != nil {
			refused++
		}
	}
	if refused != 100-64 {
		t.Errorf("%d of 100 were refused", refused)
	}
	m.mails.Close() // ends what hangs
	if log := m.Logged.String(); strings.Contains(log, "not sent") || strings.Contains(log, "@example.com") {
		t.Errorf("the log: %s", log)
	}
}

// TestMailsThatFailAreLogged names the person by number, and neither address nor secret.
func TestMailsThatFailAreLogged(t *testing.T) {
	m := newMailing(t)
	m.box.Fail = func(context.Context) error {
		return &mail.Error{Reason: mail.ReasonRecipient, Cause: errors.New("550 5.1.1")}
	}
	if _, came := m.ask(jo, "198.51.100.1"); came {
		t.Error("a mail came")
	}
	log := m.Logged.String()
	if !strings.Contains(log, `msg="a mail to sign in was not sent" person=`) || !strings.Contains(log, "550 5.1.1") ||
		strings.Contains(log, "jo@") || strings.Contains(log, "bh_m_") {
		t.Errorf("the log: %s", log)
	}
}

func TestWhoMayAsk(t *testing.T) {
	m := newMailing(t)
	for _, email := range []string{"", "jo", "jo@example.com\r\nBcc: x@example.com", "Jo <jo@example.com>",
		"jo@example.com,kim@example.com", strings.Repeat("a", 300) + "@example.com"} {
		if err := m.mails.Ask(email, from(1), ""); bellhop.CodeOf(err) != "email" {
			t.Errorf("%q: %v", email, err)
		}
	}
	if err := (*web.SignInMails)(nil).Ask(jo, from(1), ""); err != web.ErrNoMail {
		t.Error(err)
	}
	limited := 0
	for n := range 15 {
		if bellhop.CodeOf(m.mails.Ask(fmt.Sprintf("nobody%d@example.com", n), from(1), "")) == "rate_limited" {
			limited++
		}
	}
	if limited != 5 {
		t.Errorf("%d of 15 were too many", limited)
	}
}
