package shopify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"io"
	"strings"
	"sync"

	"bellhop"
)

// encodedSum is the length of a sum in base64, padding included.
const encodedSum = 44

// Secret is a signing secret, prepared once so that checking a signature costs no more than hashing
// the body. It is safe for concurrent use, and never prints its value.
type Secret struct {
	macs sync.Pool
}

// mac carries room for its own sum, which would otherwise be allocated for
// each body.
type mac struct {
	hash.Hash
	sum [sha256.Size]byte
}

// NewSecret returns nil for the empty text, which signs nothing.
func NewSecret(text string) *Secret {
	if text == "" {
		return nil
	}
	key := []byte(text)
	s := &Secret{}
	s.macs.New = func() any { return &mac{Hash: hmac.New(sha256.New, key)} }
	return s
}

func (s *Secret) sum(body []byte) [sha256.Size]byte {
	m := s.macs.Get().(*mac)
	defer s.macs.Put(m)
	m.Reset()
	m.Write(body) // a hash never returns an error
	m.Sum(m.sum[:0])
	return m.sum
}

// Sign returns the value of [HeaderHMAC] for a body; "" when s is nil.
func (s *Secret) Sign(body []byte) string {
	if s == nil {
		return ""
	}
	sum := s.sum(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Sign is [Secret.Sign] for a secret that is used once.
func Sign(secret string, body []byte) string { return NewSecret(secret).Sign(body) }

// TwoSecrets divides a setting at its comma, if it has one: the old secret is behind it while they
// rotate.
func TwoSecrets(text string) (current, previous string, ok bool) {
	current, previous, both := strings.Cut(text, ",")
	current, previous = strings.TrimSpace(current), strings.TrimSpace(previous)
	return current, previous, !both || current != "" && previous != "" && !strings.Contains(previous, ",")
}

// Keys are the secrets that a shop's webhooks may be signed with. Any of them
// may be nil.
type Keys struct {
	Shop         *Secret // the shop's own
	ShopPrevious *Secret // the shop's own, while rotating
	App          *Secret // the app's, which all its shops share
	AppPrevious  *Secret // the app's, while rotating
	OwnOnly      bool    // the app's don't count
}

// candidate is a secret with the name of its kind.
type candidate struct {
	secret *Secret
	signer bellhop.Signer
}

// candidates are the secrets to try, in their order; those that are nil don't count.
func (k *Keys) candidates() [4]candidate {
	all := [...]candidate{
		{k.Shop, bellhop.SignerShop}, {k.ShopPrevious, bellhop.SignerShopPrevious},
		{k.App, bellhop.SignerApp}, {k.AppPrevious, bellhop.SignerAppPrevious},
	}
	for i := range all {
		if k.OwnOnly && all[i].signer.Shared() {
			all[i].secret = nil
		}
	}
	return all
}

// Any reports whether there is a secret to verify with.
func (k *Keys) Any() bool {
	for _, c := range k.candidates() {
		if c.secret != nil {
			return true
		}
	}
	return false
}

// Verify returns the secret that signed body, given the value of [HeaderHMAC]; the first match, in
// the order of the fields. A failure says nothing about its cause. It does not allocate.
func (k *Keys) Verify(body []byte, signature string) (bellhop.Signer, bool) {
	want, ok := decodeSum(signature)
	if !ok {
		return "", false
	}
	for _, c := range k.candidates() {
		if c.secret == nil {
			continue
		}
		if sum := c.secret.sum(body); hmac.Equal(sum[:], want[:]) {
			return c.signer, true
		}
	}
	return "", false
}

// VerifyReader is [Keys.Verify] for a body that is too large to be kept: it reads the body to its end.
func (k *Keys) VerifyReader(body io.Reader, signature string) (signer bellhop.Signer, ok bool, err error) {
	want, ok := decodeSum(signature)
	if !ok {
		return "", false, nil
	}
	candidates := k.candidates()
	var macs [len(candidates)]*mac
	var all []io.Writer
	for i, c := range candidates {
		if c.secret != nil {
			macs[i] = c.secret.macs.Get().(*mac)
			defer c.secret.macs.Put(macs[i])
			macs[i].Reset()
			all = append(all, macs[i])
		}
	}
	if _, err := io.Copy(io.MultiWriter(all...), body); err != nil {
		return "", false, err
	}
	for i, m := range macs {
		if m != nil && signer == "" && hmac.Equal(m.Sum(m.sum[:0]), want[:]) {
			signer = candidates[i].signer
		}
	}
	return signer, signer != "", nil
}

// decodeSum accepts the one way to write 32 bytes in padded base64. The
// decoder alone would let line breaks pass.
func decodeSum(s string) (sum [sha256.Size]byte, ok bool) {
	if len(s) != encodedSum {
		return sum, false
	}
	var src [encodedSum]byte
	copy(src[:], s)
	var dst [sha256.Size + 1]byte // the decoder asks for whole groups of three
	n, err := base64.StdEncoding.Strict().Decode(dst[:], src[:])
	if err != nil || n != sha256.Size {
		return sum, false
	}
	return [sha256.Size]byte(dst[:sha256.Size]), true
}
