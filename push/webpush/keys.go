package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/SherClockHolmes/webpush-go"
	"golang.org/x/net/publicsuffix"

	"bellhop"
	"bellhop/push"
)

// Keys are the key pair by which push services know bellhop (VAPID). A browser subscribes with the
// public key, and accepts only messages signed with the private one. If the pair is lost, every
// browser has to subscribe again.
type Keys struct {
	Public  string `json:"public_key"`  // base64url of the point
	Private string `json:"private_key"` // base64url of the number
}

// check refuses keys that are no pair.
func (k Keys) check() error {
	secret, err1 := base64.RawURLEncoding.DecodeString(k.Private)
	public, err2 := base64.RawURLEncoding.DecodeString(k.Public)
	key, err3 := ecdh.P256().NewPrivateKey(secret)
	if err1 != nil || err2 != nil || err3 != nil || string(key.PublicKey().Bytes()) != string(public) {
		return bellhop.Invalidf("webpush_keys", "these are no keys for Web Push: let bellhop make a new file")
	}
	return nil
}

// ReadKeys reads a file of keys.
func ReadKeys(path string) (k Keys, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return k, err
	}
	if json.Unmarshal(raw, &k) != nil || k.check() != nil {
		return Keys{}, bellhop.Invalidf("webpush_keys",
			"%s holds no keys for Web Push: remove it, and bellhop makes new ones", path)
	}
	return k, nil
}

// OpenKeys reads a file of keys, and makes it when it is not there.
func OpenKeys(path string) (Keys, error) {
	k, err := ReadKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if k.Private, k.Public, err = webpush.GenerateVAPIDKeys(); err != nil {
		return Keys{}, fmt.Errorf("make keys for Web Push: %w", err)
	}
	body, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return Keys{}, err
	}
	err = keep(path, append(body, '\n'), &k)
	return k, err
}

// keep writes a file whole or not at all. If another process was quicker, keep reads its keys.
func keep(path string, body []byte, k *Keys) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".webpush-keys-") // for its owner only
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(body)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	err = os.Link(f.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		*k, err = ReadKeys(path)
	}
	return err
}

// checkSubject refuses a subject that nobody could contact. Apple then rejects all messages while
// others accept them, so that only people with an iPhone would notice.
func checkSubject(s string) error {
	u, err := url.Parse(s)
	host := ""
	switch {
	case err != nil || strings.ContainsAny(s, "<> \t\r\n"):
	case u.Scheme == "https":
		host = u.Hostname()
	case u.Scheme == "mailto":
		if a, err := mail.ParseAddress(u.Opaque); err == nil && a.Address == u.Opaque {
			_, host, _ = strings.Cut(a.Address, "@")
		}
	}
	// The list knows which names there are on the Internet: localhost, .local and
	// .invalid are none.
	if _, known := publicsuffix.PublicSuffix(strings.ToLower(host)); known && strings.Contains(host, ".") {
		return nil
	}
	return bellhop.Invalidf("webpush_subject",
		"?subject=%s names nobody whom push services could ask, and Apple's then refuses messages: "+
			"give mailto: and an e-mail address, or an https address, of a domain of the Internet", push.Clip(s, 80))
}
