package fcmpush

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/api/fcm/v1"

	"bellhop"
	"bellhop/push"
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

// FuzzShorten holds the promises that shortening rests on: a length that
// encoding/json agrees with, a cut between runes, a message that fits.
func FuzzShorten(f *testing.F) {
	f.Add("New order #1001", "USD 403.00", "order", "820982911946154508", "tag", false)
	f.Add(strings.Repeat("注", 3000), strings.Repeat("👩‍👧", 900), "", "\x00\xff", "\u2028", true)
	f.Add("<&>", strings.Repeat("\"\\\n", 5000), strings.Repeat("k", 5000), strings.Repeat("<", 9000), strings.Repeat("<", 64), false)
	f.Add(strings.Repeat("\xff", 5000), strings.Repeat("🇯🇵", 2000), "k", strings.Repeat("e\u0301", 4000), "", true)
	s := &Sender{ttl: defaultTTL, now: func() time.Time { return time.Unix(1<<33, 0) }}
	f.Fuzz(func(t *testing.T, title, body, key, value, tag string, data bool) {
		for _, v := range []string{title, body, key, value} {
			checkText(t, v)
		}
		m := push.Message{
			Device: bellhop.Device{Kind: bellhop.AddressToken, Platform: bellhop.PlatformWeb, Form: bellhop.FormNotification},
			Tag:    tag, Title: title, Body: body, Data: map[string]string{key: value, "order": "1"}, TTL: maxTTL,
		}
		if data {
			m.Device.Form = bellhop.FormData
		}
		out, err := s.compose(m)
		if err != nil {
			t.Fatal(err)
		}
		checkMessage(t, out)
	})
}

func checkText(t *testing.T, s string) {
	encoded, err := json.Marshal(s)
	if err != nil || jsonLen(s) != len(encoded)-2 {
		t.Fatalf("jsonLen(%q) = %d, encoding/json makes %d (%v)", s, jsonLen(s), len(encoded)-2, err)
	}
	for _, limit := range []int{0, 2, 3, 10, 100, jsonLen(s) - 1, jsonLen(s)} {
		got := clipText(s, limit)
		kept := strings.TrimSuffix(got, ellipsis)
		if jsonLen(got) > max(limit, 0) || !strings.HasPrefix(s, kept) || utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Fatalf("clipText(%q, %d) = %q", s, limit, got)
		}
	}
}

func checkMessage(t *testing.T, m *fcm.Message) {
	encoded, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if len(encoded) > maxPayload {
		t.Fatalf("the message has %d bytes: %s", len(encoded), encoded)
	}
}
