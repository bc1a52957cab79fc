package agefile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"bellhop"
	"bellhop/internal/agefile"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func file(t *testing.T, name, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

func says(t *testing.T, err error, want string) {
	t.Helper()
	if bellhop.KindOf(err) != bellhop.Invalid || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v, and should say %q", err, want)
	}
}

func TestEachRecipientDecrypts(t *testing.T) {
	one, two := must(age.GenerateX25519Identity())(t), must(age.GenerateX25519Identity())(t)
	third := must(age.GenerateX25519Identity())(t)
	text := strings.Repeat("canary ", 100_000)
	plain, dir := file(t, "plain", text, 0o600), t.TempDir()
	encrypted, decrypted := filepath.Join(dir, "encrypted"), filepath.Join(dir, "decrypted")
	to := must(agefile.ParseRecipients([]string{one.Recipient().String(), two.Recipient().String()}))(t)
	must(0, to.Encrypt(plain, encrypted))(t)
	if sealed := must(os.ReadFile(encrypted))(t); bytes.Contains(sealed, []byte("canary")) {
		t.Error("the file is not encrypted")
	}
	if !must(agefile.Is(encrypted))(t) || must(agefile.Is(plain))(t) {
		t.Error("Is takes one for the other")
	}
	for _, key := range []*age.X25519Identity{one, two} {
		ids := must(agefile.ReadIdentities(file(t, "key", "# a comment\n"+key.String()+"\n", 0o600)))(t)
		must(0, ids.Decrypt(encrypted, decrypted))(t)
		if got := must(os.ReadFile(decrypted))(t); string(got) != text {
			t.Errorf("decrypted %d bytes of %d", len(got), len(text))
		}
		if mode := must(os.Stat(decrypted))(t).Mode().Perm(); mode != 0o600 {
			t.Errorf("the decrypted file has mode %v", mode)
		}
	}
	os.Remove(decrypted)
	other := must(agefile.ReadIdentities(file(t, "key", third.String(), 0o600)))(t)
	says(t, other.Decrypt(encrypted, decrypted), "no key that was given opens")

	ids := must(agefile.ReadIdentities(file(t, "key", one.String(), 0o600)))(t)
	sealed := must(os.ReadFile(encrypted))(t)
	says(t, ids.Decrypt(file(t, "cut", string(sealed[:len(sealed)/2]), 0o600), decrypted), "damaged or cut off")
	sealed[len(sealed)/2] ^= 1
	says(t, ids.Decrypt(file(t, "damaged", string(sealed), 0o600), decrypted), "damaged or cut off")
	if _, err := os.Stat(decrypted); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part of a file was left: %v", err)
	}
}

func TestRecipients(t *testing.T) {
	key, hybrid := must(age.GenerateX25519Identity())(t), must(age.GenerateHybridIdentity())(t)
	must(agefile.ParseRecipients([]string{hybrid.Recipient().String()}))(t)
	good := key.Recipient().String()
	for _, c := range []struct {
		texts []string
		says  string
	}{
		{[]string{good, "age1nonsense"}, "recipient 2 is not age's public key"},
		{[]string{key.String()}, "recipient 1 is not"},
		{[]string{""}, "recipient 1 is not"},
		{[]string{good + "\n" + good}, "recipient 1 is not"},
		{[]string{good, hybrid.Recipient().String()}, "can't be mixed"},
		{make([]string, 21), "give 20 at most"},
	} {
		_, err := agefile.ParseRecipients(c.texts)
		says(t, err, c.says)
		if err != nil && strings.Contains(err.Error(), key.String()) {
			t.Errorf("it shows a secret key: %v", err)
		}
	}
}

func TestIdentities(t *testing.T) {
	key, folder := must(age.GenerateX25519Identity())(t), t.TempDir()
	must(0, os.Chmod(folder, 0o700))(t)
	for _, c := range []struct {
		path string
		says string
	}{
		{file(t, "open", key.String(), 0o644), "others on this machine can open"},
		{file(t, "public", key.Recipient().String(), 0o600), "no file with age's secret keys"},
		{file(t, "broken", key.String()[:40], 0o600), "no file with age's secret keys"},
		{file(t, "large", strings.Repeat("#\n", 50_000), 0o600), "no file with age's secret keys"},
		{file(t, "armored", "-----BEGIN AGE ENCRYPTED FILE-----", 0o600), "itself encrypted"},
		{filepath.Join(t.TempDir(), "none"), "can't read"},
		{folder, "can't read"},
	} {
		_, err := agefile.ReadIdentities(c.path)
		says(t, err, c.says)
		if err != nil && strings.Contains(err.Error(), key.String()[:40]) {
			t.Errorf("it shows a secret: %v", err)
		}
	}
}
