package sealed_test

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"sync"
	"testing"

	"bellhop"
	"bellhop/store/sealed"
)

func privateKey(t testing.TB, s *sealed.Store) ed25519.PrivateKey {
	t.Helper()
	k, err := s.PrivateKey(t.Context())
	must(t, err)
	return k
}

// TestPrivateKey: it is made once, whoever asks first, kept sealed, and signs.
func TestPrivateKey(t *testing.T) {
	raw := fresh(t)
	processes := []*sealed.Store{open(t, raw, key(t, 1)), open(t, raw, key(t, 1))}
	if kept, err := raw.SigningKey(t.Context()); kept != "" || err != nil {
		t.Errorf("before anybody signs there is the key %q, %v", kept, err)
	}
	keys := make([]ed25519.PrivateKey, len(processes))
	var all sync.WaitGroup
	for i, s := range processes {
		all.Go(func() { keys[i], _ = s.PrivateKey(t.Context()) })
	}
	all.Wait()
	if !bytes.Equal(keys[0], keys[1]) || len(keys[0]) != ed25519.PrivateKeySize {
		t.Fatalf("two processes have keys of %d and %d bytes, or not the same", len(keys[0]), len(keys[1]))
	}
	signed := ed25519.Sign(keys[0], []byte("hash"))
	if !ed25519.Verify(keys[1].Public().(ed25519.PublicKey), []byte("hash"), signed) {
		t.Error("it does not sign")
	}
	kept, err := raw.SigningKey(t.Context())
	must(t, err)
	if !strings.HasPrefix(kept, "sealed:1:"+key(t, 1).ID()+":") {
		t.Errorf("it is kept as %q", kept)
	}
	if mark, err := raw.MarkKey(t.Context()); mark == kept || err != nil {
		t.Errorf("the key of marks is the same, or %v", err)
	}
}

// TestPrivateKeySurvivesRotation, and a reset makes a new one where the old one can't be opened.
func TestPrivateKeySurvivesRotation(t *testing.T) {
	raw := fresh(t)
	was := privateKey(t, open(t, raw, key(t, 1)))
	done, err := sealed.Rotate(t.Context(), raw, sealed.Keys{key(t, 2), key(t, 1)})
	must(t, err)
	if !done.Signing || !bytes.Equal(privateKey(t, open(t, raw, key(t, 2))), was) {
		t.Errorf("rotated %+v, or it is another key", done)
	}
	uses, err := sealed.Uses(t.Context(), raw)
	must(t, err)
	if len(uses) != 1 || uses[0].Key != key(t, 2).ID() || uses[0].Signing != 1 || uses[0].Marks != 1 {
		t.Errorf("uses %+v", uses)
	}
	if err := sealed.Check(t.Context(), raw, sealed.Keys{key(t, 1)}); bellhop.KindOf(err) != bellhop.Conflict {
		t.Errorf("with the old key alone: %v", err)
	}
	lost, err := sealed.Reset(t.Context(), raw, sealed.Keys{key(t, 3)}, day)
	must(t, err)
	if is := privateKey(t, open(t, raw, key(t, 3))); !lost.Signing || !lost.Marks || bytes.Equal(is, was) {
		t.Errorf("lost %+v, or the key is the same", lost)
	}
	if lost, err = sealed.Reset(t.Context(), raw, sealed.Keys{key(t, 3)}, day); err != nil || lost.Signing {
		t.Errorf("again: %+v, %v", lost, err)
	}
}

// TestNoPrivateKey: without a key of bellhop's there is none, and what is no key signs nothing.
func TestNoPrivateKey(t *testing.T) {
	raw := fresh(t)
	if _, err := sealed.Keyless(raw).PrivateKey(t.Context()); bellhop.KindOf(err) != bellhop.Conflict {
		t.Errorf("without BELLHOP_KEY: %v", err)
	}
	s := open(t, raw, key(t, 1))
	marks, err := raw.MarkKey(t.Context())
	must(t, err)
	for _, text := range []string{"plain", "c2hvcnQ=", marks} { // a sealed text opens in its place alone
		kept, err := raw.SigningKey(t.Context())
		must(t, err)
		must(t, raw.PutSigningKey(t.Context(), kept, text))
		if _, err := s.PrivateKey(t.Context()); bellhop.KindOf(err) != bellhop.Conflict {
			t.Errorf("with %q: %v", text, err)
		}
	}
}
