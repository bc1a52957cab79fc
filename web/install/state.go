package install

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bellhop"
	"bellhop/web"
)

// A state ties Shopify's answer to the browser that began: Shopify sends the state back in the
// address, and the browser brings it in a cookie that only this server could have made, for this
// shop. So nobody has a shop connected by luring somebody else's browser to the callback.
const (
	stateCookie = "bellhop_shopify_state"
	stateLife   = time.Minute
	stateBytes  = 32
	// The cookie is signed by a key that signs nothing else: a value signed by the client secret
	// itself could pass for a webhook's signature.
	stateLabel = "bellhop: the state of an install, version 1"
)

// states makes and checks states.
type states struct {
	keys   [][]byte // the first one signs; the second is the previous secret's while it is rotated
	secure bool
	used   *web.Limits // one use of each state, for as long as it lives
}

// newStates derives the keys from the client secrets, the current one first. "" is none.
func newStates(secure bool, secrets ...string) (*states, error) {
	s := &states{secure: secure, used: web.NewLimits(stateLife, 1, web.LimitedKeys)}
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		key, err := hkdf.Key(sha256.New, []byte(secret), nil, stateLabel, sha256.Size)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	if len(s.keys) == 0 {
		return nil, errors.New("states of installs need the app's client secret")
	}
	return s, nil
}

// begin returns a new state, which begins with a mark, and the browser's cookie with it.
func (s *states) begin(mark, shop string, now time.Time) (state string, c *http.Cookie) {
	random := make([]byte, stateBytes)
	_, _ = rand.Read(random) // never returns an error
	state = mark + base64.RawURLEncoding.EncodeToString(random)
	until := strconv.FormatInt(now.Add(stateLife).Unix(), 36)
	return state, s.cookie(until+"."+state+"."+sign(s.keys[0], shop, until, state), int(stateLife.Seconds()))
}

// over returns the cookie that takes the browser's away.
func (s *states) over() *http.Cookie { return s.cookie("", -1) }

// cookie comes with a top-level navigation from Shopify, and to the callback alone.
func (s *states) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: stateCookie, Value: value, Path: CallbackPath, MaxAge: maxAge,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}
}

func sign(key []byte, shop, until, state string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(shop + "\n" + until + "\n" + state))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

var errState = bellhop.Errorf(bellhop.Unauthenticated, "state",
	"this answer of Shopify's belongs to no install that this browser began within the last minute")

// use takes a state that came back for a shop, once.
func (s *states) use(r *http.Request, shop, state string, now time.Time) error {
	c, err := r.Cookie(stateCookie)
	if err != nil {
		return errState
	}
	until, rest, _ := strings.Cut(c.Value, ".")
	kept, mac, _ := strings.Cut(rest, ".")
	right := 0
	for _, key := range s.keys {
		right |= subtle.ConstantTimeCompare([]byte(mac), []byte(sign(key, shop, until, kept)))
	}
	right &= subtle.ConstantTimeCompare([]byte(kept), []byte(state))
	end, err := strconv.ParseInt(until, 36, 64)
	if right != 1 || err != nil || now.Unix() > end || s.used.Take(state, now) > 0 {
		return errState
	}
	return nil
}
