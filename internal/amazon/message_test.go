package amazon

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bellhop"
)

func event(body []byte) *bellhop.Event {
	return &bellhop.Event{ID: bellhop.EventID{1, 15: 2}, Shop: "demo.myshopify.com", Topic: "orders/create",
		APIVersion: "2026-10",
		WebhookID:  "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043", ShopifyEventID: "98880550-7158-44d4-b7cd-2c97c8a091b5",
		TriggeredAt: time.UnixMicro(1_790_000_000_123_456).UTC(),
		AcceptedAt:  time.UnixMicro(1_790_000_001_654_321).UTC(),
		SignedBy:    bellhop.SignerApp, Body: body}
}

func noise(n int) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestMessageRoundTrips(t *testing.T) {
	text := rapid.String()
	micros := rapid.Int64Range(0, 4e15)
	rapid.Check(t, func(t *rapid.T) {
		e := event(rapid.SliceOfN(rapid.Byte(), 0, 4000).Draw(t, "body"))
		if rapid.Bool().Draw(t, "text") {
			e.Body = []byte(text.Draw(t, "text body"))
		}
		e.Shop, e.Topic = "s"+text.Draw(t, "shop"), text.Draw(t, "topic")
		e.APIVersion, e.WebhookID, e.ShopifyEventID = text.Draw(t, "version"), text.Draw(t, "webhook"),
			text.Draw(t, "event")
		e.SignedBy = bellhop.Signer(text.Draw(t, "signer"))
		e.AcceptedAt = time.UnixMicro(micros.Draw(t, "accepted")).UTC()
		if rapid.Bool().Draw(t, "not triggered") {
			e.TriggeredAt = time.Time{}
		}
		m, err := Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		checkLegal(t, m)
		back, err := Decode(m)
		if err != nil || cmp.Diff(e, back) != "" || !bytes.Equal(e.Body, back.Body) {
			t.Fatalf("%v\n%s", err, cmp.Diff(e, back))
		}
	})
}

func checkLegal(t rapid.TB, m Message) {
	t.Helper()
	if !Legal([]byte(m.Body)) {
		t.Errorf("SQS refuses the body %.100q", m.Body)
	}
	for name, value := range m.Attributes {
		if !Legal([]byte(value)) {
			t.Errorf("SQS refuses the attribute %s: %q", name, value)
		}
	}
	if m.Size() > MaxMessage-deadRoom {
		t.Errorf("the message has %d bytes", m.Size())
	}
}

func TestMessageBodyIsReadableWhereItMayBe(t *testing.T) {
	for name, test := range map[string]struct {
		body []byte
		raw  bool
	}{
		"JSON":               {[]byte(`{"note":"a\/b"}`), true},
		"emoji and Korean":   {[]byte(`{"note":"🛎️ 안녕"}`), true},
		"tab, CR and LF":     {[]byte("{\t\r\n}"), true},
		"last before":        {[]byte("\uFFFD\uE000\U00010000\U0010FFFF"), true},
		"noncharacter":       {[]byte(`{"note":"` + "\uFFFE" + `"}`), false},
		"other noncharacter": {[]byte("\uFFFF"), false},
		"control":            {[]byte("\x01"), false},
		"invalid UTF-8":      {[]byte("\xff"), false},
		"surrogate":          {[]byte("\xed\xa0\x80"), false},
		"nothing":            {nil, false},
		"a megabyte":         {bytes.Repeat([]byte("x"), 1<<20), false},
	} {
		m, err := Encode(event(test.body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if raw := m.Attributes[AttrCoding] == "" && m.Body == string(test.body); raw != test.raw {
			t.Errorf("%s: sent as it is: %v, want %v", name, raw, test.raw)
		}
		if c, ok := m.Compressed(); ok != test.raw || ok && c.Attributes[AttrCoding] == "" || len(m.Attributes) > 2 {
			t.Errorf("%s: compressed on request: %v, %d attributes", name, ok, len(m.Attributes))
		}
	}
}

func TestLimits(t *testing.T) {
	e := event(nil)
	m, err := Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	delete(m.Attributes, AttrCoding)
	m.Body = ""
	room := MaxMessage - deadRoom - m.Size()
	for n, coding := range map[int]string{room: "", room + 1: codingZstd} {
		e.Body = bytes.Repeat([]byte("x"), n)
		if m, err := Encode(e); err != nil || m.Attributes[AttrCoding] != coding {
			t.Errorf("%d bytes: coding %q, %v; want %q", n, m.Attributes[AttrCoding], err, coding)
		}
	}
	e.Body = bytes.Repeat([]byte("x"), bellhop.MaxBody)
	m, err = Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Decode(m); err != nil || !bytes.Equal(back.Body, e.Body) {
		t.Errorf("the largest body: %v", err)
	}
	e.Body = append(e.Body, 'x')
	if _, err := Encode(e); bellhop.KindOf(err) != bellhop.TooLarge {
		t.Errorf("a larger one: %v, want TooLarge", err)
	}
	e.Body = noise(900 << 10)
	if _, err := Encode(e); bellhop.KindOf(err) != bellhop.TooLarge {
		t.Errorf("one that can't be compressed: %v, want TooLarge", err)
	}
	e.Body, e.Topic = []byte("x"), "\xff"
	if _, err := Encode(e); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("a topic that is not UTF-8: %v, want Invalid", err)
	}
	e.Topic, e.TriggeredAt = "", time.Unix(1e12, 0)
	if _, err := Encode(e); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("a time in the year 33658: %v, want Invalid", err)
	}
}

// TestDecodeDoesNotInflate gives a bomb of 64 MiB in few bytes.
func TestDecodeDoesNotInflate(t *testing.T) {
	m, _ := Encode(event([]byte("x")))
	bomb := m.compressed(make([]byte, 64<<20))
	if _, err := Decode(bomb); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("a bomb: %v, want Invalid", err)
	}
}

func TestDecodeSaysWhatIsNotOurs(t *testing.T) {
	good, _ := Encode(event([]byte("x")))
	meta := good.Attributes[AttrEvent]
	with := func(meta, coding, body string) Message {
		return Message{Body: body, Attributes: map[string]string{AttrEvent: meta, AttrCoding: coding}}
	}
	for name, m := range map[string]Message{
		"no attributes":     {Body: "{}"},
		"no JSON":           with("x", "", "x"),
		"no version":        with(`{}`, "", "x"),
		"no id":             with(`{"v":1,"shop":"a"}`, "", "x"),
		"a wrong id":        with(strings.Replace(meta, "01000000", "x", 1), "", "x"),
		"no base64":         with(meta, codingZstd, "???"),
		"no zstd":           with(meta, codingZstd, base64.StdEncoding.EncodeToString([]byte("x"))),
		"no reference":      with(meta, codingRef, "x"),
		"a reference to no": with(meta, codingRef, `{"bucket":"b","key":"k","sha256":"x"}`),
	} {
		if _, err := Decode(m); !bellhop.IsPermanent(err) {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
	// It leaves a later version's messages to later versions.
	for name, m := range map[string]Message{
		"a later version": with(strings.Replace(meta, `"v":1`, `"v":3`, 1), "", "x"),
		"a later coding":  with(meta, "brotli", "x"),
	} {
		if _, err := Decode(m); err == nil || bellhop.IsPermanent(err) {
			t.Errorf("%s: %v, want an error that may pass", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range [][]byte{[]byte(`{"id":1}`), {0xff}, nil} {
		m, err := Encode(event(body))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.Attributes[AttrEvent], m.Attributes[AttrCoding], m.Body)
	}
	ref, err := refer(event(nil), RefError{Bucket: "b", Key: "k", SHA256: strings.Repeat("0", 64)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ref.Attributes[AttrEvent], ref.Attributes[AttrCoding], ref.Body)
	f.Fuzz(func(t *testing.T, meta, coding, body string) {
		m := Message{Body: body, Attributes: map[string]string{AttrEvent: meta, AttrCoding: coding}}
		e, err := Decode(m)
		if _, elsewhere := errors.AsType[*RefError](err); err != nil && !elsewhere {
			return
		}
		if e == nil || e.Shop == "" || len(e.Body) > bellhop.MaxBody && coding != "" {
			t.Fatalf("decoded as %+v", e)
		}
		if err != nil {
			return
		}
		again, err := Encode(e)
		if err != nil {
			return // a foreign body may be larger than ours
		}
		back, err := Decode(again)
		if err != nil || cmp.Diff(e, back) != "" {
			t.Fatalf("%v\n%s", err, cmp.Diff(e, back))
		}
	})
}
