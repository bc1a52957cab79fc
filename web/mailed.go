package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop"
	"bellhop/i18n"
	"bellhop/mail"
)

const (
	// mailedLife is how long a mail signs somebody in.
	mailedLife = 10 * time.Minute
	codeLength = 6
	// One network may ask for so many mails; [bellhop.Mailed] bounds what one person gets.
	askBurst = 10
	askEvery = time.Minute
	// Mails under way at once, and those that wait for one of them.
	mailsAtOnce = 4
	mailsWait   = 64
	// codeStep is what the time until the answer to a wrong code is a multiple of. Whoever measured it more finely would
	// see whether the try of somebody's code was written down, and so whether there is an account.
	codeStep = 250 * time.Millisecond
)

var (
	ErrNoMail = bellhop.Errorf(bellhop.Conflict, "no_mail", "this bellhop sends no mail: set BELLHOP_MAIL")
	ErrCode   = bellhop.Errorf(bellhop.Unauthenticated, "wrong_code",
		"this code is wrong or holds no longer: ask for a new one")
	errManyMails = bellhop.Errorf(bellhop.RateLimited, "rate_limited", "too many mails to sign in; try again later")
)

// MailOptions are what sends mails to sign in. URL is where people reach bellhop.
type MailOptions struct {
	Auth       *Auth
	Sender     mail.Sender
	URL        string
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// SignInMails mails people what signs them in. Nil stands for a bellhop without mail.
type SignInMails struct {
	MailOptions
	byNetwork *Limits
	wishes    chan mailWish
	stop      context.CancelFunc
	workers   sync.WaitGroup
	hashing   sync.Mutex // a hash takes 19 MiB
	failed    *prometheus.CounterVec
}

// mailWish is what somebody asked for, who may be anybody.
type mailWish struct{ email, network, languages string }

// NewSignInMails sends mails until [SignInMails.Close].
func NewSignInMails(o MailOptions) *SignInMails {
	ctx, stop := context.WithCancel(context.Background())
	m := &SignInMails{MailOptions: o, byNetwork: NewLimits(askEvery, askBurst, LimitedKeys),
		wishes: make(chan mailWish, mailsWait), stop: stop,
		// Not those that were sent: a stranger who reads the metrics would see who has an account.
		failed: promauto.With(o.Registerer).NewCounterVec(prometheus.CounterOpts{Name: "bellhop_mails_failed_total",
			Help: "Mails that could not be sent, by reason."}, []string{"reason"})}
	for range mailsAtOnce {
		m.workers.Go(func() { m.work(ctx) })
	}
	return m
}

// Close drops what waits, and ends what is under way.
func (m *SignInMails) Close() {
	if m != nil {
		m.stop()
		m.workers.Wait()
	}
}

// Ask has somebody mailed a link and a code, if they have an account that signs in by mail. It returns before anybody
// looks: neither its answer nor its time says whether there is one. languages are what whoever asks reads, for people
// who chose none.
func (m *SignInMails) Ask(email string, from Client, languages string) error {
	if m == nil {
		return ErrNoMail
	}
	email, err := bellhop.ParseEmail(strings.TrimSpace(email))
	if err != nil {
		return err
	}
	network := Neighbourhood(from.Address)
	if wait := m.byNetwork.Take(network, m.Auth.now()); wait > 0 {
		return &RetryError{errManyMails, wait}
	}
	select {
	case m.wishes <- mailWish{email, network, languages}:
		return nil
	default:
		return ErrBusy
	}
}

func (m *SignInMails) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-m.wishes:
			if err := m.grant(ctx, w); err != nil && ctx.Err() == nil {
				m.Log.ErrorContext(ctx, "a mail to sign in could not be made", "err", err)
			}
		}
	}
}

// grant mails what a wish is for. Strangers' wishes take the same hash.
func (m *SignInMails) grant(ctx context.Context, w mailWish) error {
	secret, hash := newSecret(mailPrefix)
	code := newCode()
	m.hashing.Lock()
	l := bellhop.SignInLink{Hash: hash, Code: newHash(code), ExpiresAt: m.Auth.now().Add(mailedLife)}
	m.hashing.Unlock()
	p, err := m.Auth.store.PersonByEmail(ctx, w.email)
	if bellhop.KindOf(err) == bellhop.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	l.PersonID = p.ID
	added, err := m.add(ctx, p, l, w.network)
	if err != nil || !added {
		return err
	}
	said := i18n.For(p.Settings.Language, w.languages)
	err = m.Sender.Send(ctx, mail.Message{To: p.Email, Subject: said.T("mail.subject"),
		Text: said.T("mail.text", "Link", m.URL+"/signin?once="+secret, "Code", code)})
	if err != nil && ctx.Err() == nil {
		reason := mail.AsError(err).Reason
		m.failed.WithLabelValues(string(reason)).Inc()
		m.Log.WarnContext(ctx, "a mail to sign in was not sent", "person", p.ID, "reason", string(reason), "err", err)
	}
	return nil
}

// add adds the link for a person who signs in by mail and has mails left.
func (m *SignInMails) add(ctx context.Context, p bellhop.Person, l bellhop.SignInLink, network string) (bool, error) {
	works, err := m.Auth.worksSomewhere(ctx, p)
	if err != nil || !works {
		return false, err
	}
	known, err := m.Auth.store.KnowsNetwork(ctx, p.ID, network)
	if err != nil {
		return false, err
	}
	now := m.Auth.now()
	added, err := m.Auth.store.AddMailedLink(ctx, l, now, func(to *bellhop.Mailed) bool { return to.Take(known, now) })
	if bellhop.KindOf(err) == bellhop.NotFound {
		err = nil // somebody removed the account meanwhile
	}
	return added, err
}

// worksSomewhere reports whether a person has a shop that is not disabled. An operator, who sees all, has none: a
// mailbox must not open every shop.
func (a *Auth) worksSomewhere(ctx context.Context, p bellhop.Person) (bool, error) {
	for _, m := range p.Shops { // a few, MaxShops at most
		s, err := a.store.Shop(ctx, m.Shop)
		if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
			return false, err
		}
		if err == nil && !s.Disabled {
			return true, nil
		}
	}
	return false, nil
}

// newCode is six random digits.
func newCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // it never is
	}
	return fmt.Sprintf("%0*d", codeLength, n)
}

// SignInWithCode begins a session for an e-mail address and the code of a mail, one that refreshes if somebody wants
// that. Each try counts before it is checked. The limits are those of passwords.
func (a *Auth) SignInWithCode(ctx context.Context, email, code string, refresh bool, from Client) (SignedIn, error) {
	began := time.Now()
	p, err := a.useCode(ctx, email, code, from)
	switch {
	case err == ErrCode:
		a.even(ctx, began)
		return SignedIn{}, err
	case err != nil:
		return SignedIn{}, err
	case refresh:
		return a.openRefreshing(ctx, p, from)
	}
	return a.open(ctx, p, from)
}

func (a *Auth) useCode(ctx context.Context, email, code string, from Client) (bellhop.Person, error) {
	var l bellhop.SignInLink
	if len(code) != codeLength || strings.Trim(code, "0123456789") != "" {
		return bellhop.Person{}, ErrCode // which costs no try
	}
	_, err := a.checkHash(ctx, email, code, from.Address, func(p bellhop.Person) (_ string, err error) {
		if l, err = a.store.TryCode(ctx, p.ID, a.now()); bellhop.KindOf(err) == bellhop.NotFound {
			err = nil
		}
		return l.Code, err
	})
	var p bellhop.Person
	if err == nil {
		p, err = a.useLink(ctx, l.Hash, true)
	}
	if err == ErrCredentials || err == ErrLinkUsed {
		err = ErrCode
	}
	return p, err
}

// even waits until so many whole steps have passed.
func (a *Auth) even(ctx context.Context, began time.Time) {
	if a.codeStep == 0 {
		return
	}
	wait := time.NewTimer(a.codeStep - time.Since(began)%a.codeStep)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}
