package webpush_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bellhop/push/pushtest"
	"bellhop/push/webpush"
)

// fake is a browser and its push service.
type fake struct {
	*httptest.Server
	t      *testing.T
	key    *ecdh.PrivateKey
	secret [16]byte
	keys   webpush.Keys
	ended  chan struct{}

	mu       sync.Mutex
	answer   http.HandlerFunc
	requests int
	sent     []pushtest.Sent
	headers  []http.Header
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, ended: make(chan struct{})}
	var err error
	if f.key, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	rand.Read(f.secret[:])
	if f.keys, err = webpush.OpenKeys(filepath.Join(t.TempDir(), "keys.json")); err != nil {
		t.Fatal(err)
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() {
		close(f.ended)
		f.Close()
	})
	return f
}

// address is the subscription as the browser's script sends it.
func (f *fake) address() string {
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"endpoint":"%s/wpush/v2/gAAAA-secret-of-the-browser","expirationTime":null,`+
		`"keys":{"p256dh":"%s","auth":"%s"}}`,
		f.URL, b64(f.key.PublicKey().Bytes()), b64(f.secret[:]))
}

func (f *fake) open() *webpush.Sender {
	s, err := webpush.New(webpush.Options{Keys: f.keys, Subject: "mailto:ops@example.com", Private: true})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { s.Close() })
	return s
}

func (f *fake) set(answer http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	f.mu.Lock()
	f.requests++
	n, answer := f.requests, f.answer
	f.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	plain, err := f.open128(body)
	if err != nil {
		f.t.Error(err)
	}
	var m webpush.Message
	if err := json.Unmarshal(plain, &m); err != nil {
		f.t.Errorf("%v: %q", err, plain)
	}
	name := fmt.Sprintf("%s/message/%d", f.URL, n)
	f.mu.Lock()
	ttl, _ := time.ParseDuration(r.Header.Get("Ttl") + "s")
	f.sent = append(f.sent, pushtest.Sent{Name: name, Address: f.address(), Tag: m.Tag, Title: m.Title, Body: m.Body,
		Data: m.Data, TTL: ttl})
	f.headers = append(f.headers, r.Header)
	f.mu.Unlock()
	w.Header().Set("Location", name)
	w.WriteHeader(http.StatusCreated)
}

// open128 reads a message as the browser does (RFC 8188, RFC 8291).
func (f *fake) open128(body []byte) ([]byte, error) {
	salt, size, keyLen := body[:16], body[16:20], int(body[20])
	sender, sealed := body[21:21+keyLen], body[21+keyLen:]
	if len(body) > 4096 || size[2] != 0x10 {
		return nil, fmt.Errorf("a record of %d bytes, said to be %x", len(body), size)
	}
	theirs, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, err
	}
	shared, err := f.key.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(f.key.PublicKey().Bytes()) + string(sender)
	ikm, err := hkdf.Key(sha256.New, shared, f.secret[:], info, 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, err
	}
	for len(plain) > 0 && plain[len(plain)-1] == 0 {
		plain = plain[:len(plain)-1]
	}
	if len(plain) == 0 || plain[len(plain)-1] != 2 {
		return nil, fmt.Errorf("the last record is not marked: %x", plain)
	}
	return plain[:len(plain)-1], nil
}
