package sealed

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"bellhop"
)

// Key is a key of AES-256.
type Key struct {
	id   string // tells it from others, and says nothing of it
	aead cipher.AEAD
}

// size is how many bytes a key has.
const size = 32

func newKey(raw []byte) (Key, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return Key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	sum := sha256.Sum256(append([]byte("bellhop key id\x00"), raw...))
	return Key{id: hex.EncodeToString(sum[:4]), aead: aead}, err
}

// ParseKey reads 32 bytes in base64, of any kind, or in 64 hexadecimal digits, which services that make
// passwords can make.
func ParseKey(text string) (Key, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != size {
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		if raw, err = base64.RawStdEncoding.DecodeString(plain); err != nil || len(raw) != size {
			return Key{}, badKey()
		}
	}
	return newKey(raw)
}

// MakeKey makes a key's text.
func MakeKey() string {
	raw := make([]byte, size)
	rand.Read(raw) // never fails
	return base64.StdEncoding.EncodeToString(raw)
}

func badKey() error {
	return bellhop.Invalidf("key", "it is no key of 32 bytes in base64, or in 64 hexadecimal digits")
}

// ID tells a key from others. It says nothing of the key.
func (k Key) ID() string { return k.id }

// prefix begins every sealed text. The key's id and the ciphertext follow. What only begins like one is no plain
// text: of a text that was cut off, everybody knows the beginning.
const (
	mark   = "sealed:"
	prefix = mark + "1:"
)

// keyOf returns the id of the key that sealed a text; "" for a plain text.
func keyOf(text string) string {
	if !strings.HasPrefix(text, mark) {
		return ""
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(text, prefix), ":")
	return cmp.Or(id, "unknown")
}

// place is where a sealed text is kept: it opens nowhere else.
type place struct{ table, row, column string }

func (p place) bytes() []byte { return []byte(p.table + "\x00" + p.row + "\x00" + p.column) }

func (p place) String() string {
	return strings.ReplaceAll(p.column, "_", " ") + " of " + p.row
}

// seal seals a text; "" stays "".
func (k Key) seal(text string, at place) string {
	if text == "" {
		return ""
	}
	return prefix + k.id + ":" + base64.RawStdEncoding.EncodeToString(k.aead.Seal(nil, nil, []byte(text), at.bytes()))
}

var errDamaged = errors.New("damaged")

// open opens a text that this key sealed.
func (k Key) open(text string, at place) (string, error) {
	sealed, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(text, prefix+k.id+":"))
	if err != nil {
		return "", errDamaged
	}
	plain, err := k.aead.Open(nil, nil, sealed, at.bytes())
	if err != nil {
		return "", errDamaged
	}
	return string(plain), nil
}

// Keys are the keys in use. The first one seals.
type Keys []Key

// of returns the key with an id.
func (ks Keys) of(id string) (Key, bool) {
	for _, k := range ks {
		if k.id == id {
			return k, true
		}
	}
	return Key{}, false
}

// IDs lists the keys' ids.
func (ks Keys) IDs() (ids []string) {
	for _, k := range ks {
		ids = append(ids, k.id)
	}
	return ids
}

// open opens a text; a plain one, of before there were keys, is returned as it is.
func (ks Keys) open(text string, at place) (string, error) {
	id := keyOf(text)
	if id == "" {
		return text, nil
	}
	k, ok := ks.of(id)
	switch {
	case len(ks) == 0:
		return "", missing()
	case !ok:
		return "", unknown("the "+at.String(), id, ks)
	}
	plain, err := k.open(text, at)
	if err != nil {
		return "", bellhop.Errorf(bellhop.Conflict, "sealed",
			"the %s is damaged, or was sealed for another place: bellhop key reset drops it", at)
	}
	return plain, nil
}

// missing is the error where a secret is needed and there is no key.
func missing() error {
	return &bellhop.Error{Kind: bellhop.Conflict, Code: "key_missing", Setting: "BELLHOP_KEY",
		Message: "it is missing: tokens and secrets in this database are sealed with it; give the key that every " +
			"bellhop of this database has, or make the first one with openssl rand -base64 32"}
}

// unknown is the error where another key sealed something.
func unknown(what, id string, ks Keys) error {
	return &bellhop.Error{Kind: bellhop.Conflict, Code: "key_wrong", Setting: "BELLHOP_KEY",
		Message: what + " is sealed with another key (" + id + ", not " + strings.Join(ks.IDs(), " or ") +
			"); give that one, or after a comma while rotating; if it is lost, see docs/key.md"}
}
