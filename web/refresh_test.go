package web

import (
	"strings"
	"testing"
)

// A refresh token doesn't tell the pair that it will bring, nor does half a pair the other half.
func TestPairsTakeTheirSalt(t *testing.T) {
	family, _ := newSecret(refreshPrefix)
	before := family + strings.Repeat("a", secretLength)
	token, refresh := pairAfter(before, [32]byte{1})
	again, same := pairAfter(before, [32]byte{1})
	if token != again || refresh != same || len(refresh) != refreshLength || !strings.HasPrefix(refresh, family) ||
		strings.Contains(token, refresh[familyEnd:]) {
		t.Errorf("%s %s, and then %s %s", token, refresh, again, same)
	}
	for _, other := range []string{before, family + strings.Repeat("b", secretLength)} {
		if t2, r2 := pairAfter(other, [32]byte{2}); t2 == token || r2 == refresh {
			t.Errorf("%s %s of another salt", t2, r2)
		}
	}
	if t2, r2 := pairAfter(family+strings.Repeat("b", secretLength), [32]byte{1}); t2 == token || r2 == refresh {
		t.Errorf("%s %s of another token", t2, r2)
	}
}
