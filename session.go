package bellhop

import (
	"encoding/binary"
	"time"
)

// Session is a sign-in. Only hashes of its secrets are stored.
type Session struct {
	TokenHash [32]byte
	PersonID  int64
	ExpiresAt time.Time // of the token
	CreatedAt time.Time
	UsedAt    time.Time // zero if nobody noted a use; a resolution of ten minutes is enough
	Agent     string    // what signed in, such as "Firefox, Windows"
	Refresh   Refresh   // zero for a session that ends with its token
}

// Refresh is how a session gets its next pair of tokens.
type Refresh struct {
	Family    [32]byte  // hash of what all refresh tokens of the session have in common
	Hash      [32]byte  // of the refresh token whose turn it is
	Spent     [32]byte  // of the one before, until a token of the pair that it brought is used
	Salt      [32]byte  // makes that pair again, with the one before
	ExpiresAt time.Time // of the refresh token, and so of the session
}

// Refreshes reports whether the session goes on with new tokens.
func (s *Session) Refreshes() bool { return !s.Refresh.ExpiresAt.IsZero() }

// ID names a session for as long as it lasts, and says nothing of its secrets.
func (s *Session) ID() int64 {
	stays := s.TokenHash
	if s.Refreshes() {
		stays = s.Refresh.Family
	}
	return int64(binary.BigEndian.Uint64(stays[:8]) >> 1)
}

// EndsAt is when a session ends that nobody uses.
func (s *Session) EndsAt() time.Time {
	if s.Refreshes() {
		return s.Refresh.ExpiresAt
	}
	return s.ExpiresAt
}

// LastUsed is when a session was last used, or else made.
func (s *Session) LastUsed() time.Time {
	if s.UsedAt.After(s.CreatedAt) {
		return s.UsedAt
	}
	return s.CreatedAt
}

// sessionUse is how exactly a session's last use is known.
const sessionUse = 10 * time.Minute

// Use notes a use of the session's token, and reports whether that is to be kept. The refresh token before it is over:
// whoever has the pair that it brought needs it no more.
func (s *Session) Use(now time.Time) bool {
	if s.Refresh.Spent == ([32]byte{}) && now.Sub(s.LastUsed()) < sessionUse {
		return false
	}
	s.UsedAt, s.Refresh.Spent, s.Refresh.Salt = now.Truncate(time.Microsecond), [32]byte{}, [32]byte{}
	return true
}
