package fcmpush

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/push"
)

// FuzzShorten wants every message to fit, whatever its content.
func FuzzShorten(f *testing.F) {
	f.Add("New order #1001", "USD 403.00", "order", "820982911946154508", "tag", false)
	f.Add(strings.Repeat("注", 3000), strings.Repeat("👩‍👧", 900), "", "\x00\xff", "\u2028", true)
	f.Add("<&>", strings.Repeat("\"\\\n", 5000), strings.Repeat("k", 5000), strings.Repeat("<", 9000),
		strings.Repeat("<", 64), false)
	f.Add(strings.Repeat("\xff", 5000), strings.Repeat("🇯🇵", 2000), "k", strings.Repeat("e\u0301", 4000), "", true)
	s := &Sender{options: Options{Now: func() time.Time { return time.Unix(1<<33, 0) }}}
	f.Fuzz(func(t *testing.T, title, body, key, value, tag string, data bool) {
		m := push.Message{
			Device: bellhop.Device{Kind: bellhop.AddressToken, Platform: bellhop.PlatformWeb,
				Form: bellhop.FormNotification},
			Tag: tag, Title: title, Body: body, Data: map[string]string{key: value, "order": "1"}, TTL: maxTTL,
		}
		if data {
			m.Device.Form = bellhop.FormData
		}
		for _, platform := range []bellhop.Platform{bellhop.PlatformWeb, bellhop.PlatformIOS} {
			m.Device.Platform = platform
			out, err := s.compose(m)
			if err != nil {
				t.Fatal(err)
			}
			checkMessage(t, out)
		}
	})
}

func checkMessage(t *testing.T, m *message) {
	encoded, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if len(encoded) > maxPayload {
		t.Fatalf("the message has %d bytes: %s", len(encoded), encoded)
	}
}
