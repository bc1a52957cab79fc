package bellhop

import "time"

// SignInLink signs a person in once. Only the hash of its secret is stored.
type SignInLink struct {
	Hash      [32]byte
	PersonID  int64
	ExpiresAt time.Time
	Code      string // argon2id of the code that was mailed with the link; "" for a link that nobody mailed
}

// A person gets one mail to sign in a minute, and a few a day.
const (
	mailPause = time.Minute
	mailBurst = 5
	mailEvery = 5 * time.Hour
)

// Mailed is when somebody was sent mails to sign in. Strangers who use up theirs, from networks that the person never
// signed in from, leave those that the person asks for.
type Mailed struct {
	At           time.Time // the last one
	StrangersAll time.Time // when strangers can ask for [mailBurst] again
	KnownAll     time.Time // when the person can
}

// Take notes one more mail, and reports whether that may be sent.
func (m *Mailed) Take(known bool, now time.Time) bool {
	all := &m.StrangersAll
	if known {
		all = &m.KnownAll
	}
	full := *all
	if full.Before(now) {
		full = now
	}
	full = full.Add(mailEvery)
	if now.Before(m.At.Add(mailPause)) || full.Sub(now) > mailBurst*mailEvery {
		return false
	}
	m.At, *all = now, full
	return true
}
