package push

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClipText(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 10, "short"},
		{"a longer text", 10, "a longe…"},
		{"a longer text", 5, "a…"}, // no blank before the ellipsis
		{"注文です", 9, "注文…"},
		{"注文です", 8, "注…"},
		{"e\u0301e\u0301e\u0301", 7, "e\u0301…"},
		{"ok👍🏽👍🏽", 12, "ok…"},   // a skin tone stays with its hand
		{"x👩‍👩‍👧y", 19, "x…"},   // a family stays together
		{"🇯🇵🇩🇪🇫🇷", 20, "🇯🇵🇩🇪…"}, // a flag is two runes
		{"abc", 2, ""},
	} {
		if got := clipText(c.text, c.limit); got != c.want {
			t.Errorf("%q at %d bytes became %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

// FuzzClipText holds the promises that shortening rests on: a length that
// encoding/json agrees with, and a cut between runes.
func FuzzClipText(f *testing.F) {
	for _, s := range []string{"New order #1001", strings.Repeat("注", 3000), "\x00\xff", "\u2028", "<&>",
		strings.Repeat("🇯🇵", 20), strings.Repeat("e\u0301", 40)} {
		f.Add(s)
	}
	f.Fuzz(checkText)
}

func checkText(t *testing.T, s string) {
	encoded, err := json.Marshal(s)
	if err != nil || JSONLen(s) != len(encoded)-2 {
		t.Fatalf("JSONLen(%q) = %d, encoding/json makes %d (%v)", s, JSONLen(s), len(encoded)-2, err)
	}
	for _, limit := range []int{0, 2, 3, 10, 100, JSONLen(s) - 1, JSONLen(s)} {
		got := clipText(s, limit)
		kept := strings.TrimSuffix(got, ellipsis)
		if JSONLen(got) > max(limit, 0) || !strings.HasPrefix(s, kept) ||
			utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Fatalf("clipText(%q, %d) = %q", s, limit, got)
		}
	}
}
