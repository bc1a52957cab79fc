// Package pushtest is the conformance suite of [bellhop/push]: a driver's promises, with any
// service behind it. A driver's own tests call [Run] and otherwise test only its quirks.
package pushtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"bellhop"
	"bellhop/push"
)

// Harness is a driver under test.
type Harness struct {
	// Open makes a sender with a peer of its own that takes all messages. It closes both with
	// t.Cleanup.
	Open func(t *testing.T) Peer
	// Proves says that the service answers wrong credentials as it answers a device that is gone.
	// Then neither retires a device before the service has taken a message.
	Proves bool
	// Kinds are the kinds of address that the driver takes. Others it refuses.
	Kinds []bellhop.AddressKind
}

// Peer is a sender and its service, a stand-in on this machine. A driver without one leaves the
// functions nil, and the suite skips those promises by name.
type Peer struct {
	Sender push.Sender
	// Sent returns the messages that the service took, oldest first.
	Sent func() []Sent
	// Requests counts the attempts that reached the service, taken or not.
	Requests func() int
	// Answer makes the service meet all later messages with an answer that
	// means r, asking for another attempt after 7 seconds where there may be
	// one; the answer quotes the whole request. "" makes it take messages
	// again. It returns false for an answer that the service doesn't have.
	Answer func(r push.Reason) bool
	// Hang makes the service read all later messages and not answer until the
	// test ends. The channel gets a value for each.
	Hang func() <-chan struct{}
	// Down makes the service unreachable.
	Down func()
	// Address is a device's that the service knows; "" for any text.
	Address string
	// Scattered services have no one place that Check could reach.
	Scattered bool
}

// Sent is a message as the service understood it.
type Sent struct {
	Name, Address, Tag, Title, Body string
	Data                            map[string]string
	TTL                             time.Duration // how long the service keeps it
}

// RetryAfter is what [Peer.Answer] asks for.
const RetryAfter = 7 * time.Second

// soon is what "returns soon" may take on a busy machine.
const soon = 5 * time.Second

const secret = "c7Qx-address-that-nobody-may-read:APA91b"

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"Sends", testSends},
		{"Levels", testLevels},
		{"SameTag", testSameTag},
		{"LeavesMessageAlone", testLeavesMessageAlone},
		{"Concurrent", testConcurrent},
		{"LongText", testLongText},
		{"OddText", testOddText},
		{"Kinds", testKinds},
		{"Reasons", testReasons},
		{"Unproven", testUnproven},
		{"Services", testServices},
		{"Recovers", testRecovers},
		{"CancelledBefore", testCancelledBefore},
		{"CancelledWhileWaiting", testCancelledWhileWaiting},
		{"Down", testDown},
		{"Check", testCheck},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, h) })
	}
}

func (h Harness) forms() []bellhop.Form {
	return []bellhop.Form{bellhop.FormNotification, bellhop.FormData}
}

func (p Peer) message(h Harness, form bellhop.Form) push.Message {
	return push.Message{
		Device: bellhop.Device{
			ID: 1, Shop: "demo.myshopify.com", Installation: "phone-1",
			Kind: h.Kinds[0], Value: cmp.Or(p.Address, secret), Platform: bellhop.PlatformAndroid, Form: form,
		},
		Tag:   "order-4711",
		Title: "New order #1001",
		Body:  "USD 403.00, 3 items",
		Data:  map[string]string{"order": "820982911946154508", "kind": "order.new"},
		TTL:   17 * time.Minute,
	}
}

func mustSend(t *testing.T, p Peer, m push.Message) string {
	t.Helper()
	name, err := p.Sender.Send(t.Context(), m)
	if err != nil {
		t.Fatalf("sending: %v", err)
	}
	if name == "" {
		t.Fatal("a message that was taken has no name")
	}
	return name
}

// failure sends m and returns the error, which has to be a *push.Error that
// keeps the message to itself.
func failure(t *testing.T, ctx context.Context, p Peer, m push.Message) *push.Error {
	t.Helper()
	name, err := p.Sender.Send(ctx, m)
	var e *push.Error
	if !errors.As(err, &e) {
		t.Fatalf("Send returned %q and %v (%T), want a *push.Error", name, err, err)
	}
	if name != "" {
		t.Errorf("Send returned the name %q beside the error %v", name, err)
	}
	for _, word := range []string{m.Device.Value, m.Title, m.Body, m.Data["order"]} {
		if word != "" && strings.Contains(err.Error(), word) {
			t.Errorf("the error quotes %q: %v", word, err)
		}
	}
	return e
}

func testSends(t *testing.T, h Harness) {
	for _, form := range h.forms() {
		p := h.Open(t)
		m := p.message(h, form)
		name := mustSend(t, p, m)
		if p.Sent == nil {
			t.Log("no peer: not promised that a message arrives")
			return
		}
		sent := p.Sent()
		if len(sent) != 1 {
			t.Fatalf("%s: %d messages arrived, want 1", form, len(sent))
		}
		got := sent[0]
		if got.Name != name || got.Address != m.Device.Value || got.Tag != m.Tag || got.Title != m.Title ||
			got.Body != m.Body || got.TTL != m.TTL {
			t.Errorf("%s: sent %+v as %q, arrived as %+v", form, m, name, got)
		}
		for k, v := range m.Data {
			if got.Data[k] != v {
				t.Errorf("%s: data arrived as %v", form, got.Data)
			}
		}
	}
}

// testLevels: a device that shows messages itself learns how much each may disturb, and what it may offer.
func testLevels(t *testing.T, h Harness) {
	for _, level := range []push.Level{push.Normal, push.Urgent, push.Silent} {
		for _, form := range h.forms() {
			p := h.Open(t)
			m := p.message(h, form)
			m.Level, m.Category = level, "order.take"
			mustSend(t, p, m)
			if p.Sent == nil {
				continue
			}
			got := p.Sent()[0].Data
			if got[push.KeyLevel] != string(level) || got[push.KeyCategory] != m.Category || got["kind"] != "order.new" {
				t.Errorf("%s, %q: data arrived as %v", form, level, got)
			}
		}
	}
}

// testSameTag: equal tags share a slot on the phone and different ones don't,
// also where the driver has to replace a tag that does not fit.
func testSameTag(t *testing.T, h Harness) {
	p := h.Open(t)
	if p.Sent == nil {
		t.Log("no peer: not promised that tags are kept apart")
	}
	long := strings.Repeat("t", 200)
	for _, tag := range []string{"a", "b", "a", long + "1", long + "2", long + "1"} {
		m := p.message(h, bellhop.FormNotification)
		m.Tag = tag
		mustSend(t, p, m)
	}
	if p.Sent == nil {
		return
	}
	s := p.Sent()
	if s[0].Tag != s[2].Tag || s[0].Tag == s[1].Tag {
		t.Errorf("tags a, b, a arrived as %q, %q, %q", s[0].Tag, s[1].Tag, s[2].Tag)
	}
	if s[3].Tag != s[5].Tag || s[3].Tag == s[4].Tag {
		t.Errorf("long tags 1, 2, 1 arrived as %q, %q, %q", s[3].Tag, s[4].Tag, s[5].Tag)
	}
}

func testLeavesMessageAlone(t *testing.T, h Harness) {
	p := h.Open(t)
	for _, form := range h.forms() {
		m := p.message(h, form)
		m.Data["long"] = strings.Repeat("x", 10_000)
		mustSend(t, p, m)
		if len(m.Data) != 3 || len(m.Data["long"]) != 10_000 {
			t.Errorf("%s: Send changed the caller's data", form)
		}
	}
}

func testConcurrent(t *testing.T, h Harness) {
	const senders, each = 32, 8
	p := h.Open(t)
	names := make(chan string, senders*each)
	failed := make(chan error, senders*each)
	for i := range senders {
		go func() {
			for j := range each {
				m := p.message(h, h.forms()[j%2])
				m.Tag = fmt.Sprintf("order-%d-%d", i, j)
				name, err := p.Sender.Send(t.Context(), m)
				failed <- err
				names <- name
			}
		}()
	}
	seen := map[string]bool{}
	for range senders * each {
		if err := <-failed; err != nil {
			t.Errorf("sending: %v", err)
		}
		seen[<-names] = true
	}
	if len(seen) != senders*each {
		t.Errorf("%d messages have %d names", senders*each, len(seen))
	}
	if p.Sent == nil {
		return
	}
	tags := map[string]bool{}
	for _, s := range p.Sent() {
		tags[s.Tag] = true
	}
	if n := len(p.Sent()); n != senders*each || len(tags) != n {
		t.Errorf("%d messages with %d tags arrived, want %d", n, len(tags), senders*each)
	}
}

func testLongText(t *testing.T, h Harness) {
	for _, form := range h.forms() {
		for _, unit := range []string{"x", "é", "注文", "🧾", "👩‍👩‍👧", `"`, "<", "\n", "\u2028"} {
			p := h.Open(t)
			m := p.message(h, form)
			m.Title, m.Body = m.Title+strings.Repeat(unit, 5_000), m.Body+strings.Repeat(unit, 50_000)
			mustSend(t, p, m)
			if p.Sent == nil {
				continue
			}
			got := p.Sent()[0]
			if !isShortened(got.Title, m.Title) || !isShortened(got.Body, m.Body) {
				t.Errorf("%s of %q: the title arrived as %q, the body as %q", form, unit, got.Title, got.Body)
			}
			if got.Data["order"] != m.Data["order"] {
				t.Errorf("%s of %q: the data arrived as %v", form, unit, got.Data)
			}
		}
	}
}

// isShortened reports whether got is a beginning of want and says that it is
// one.
func isShortened(got, want string) bool {
	kept, ok := strings.CutSuffix(got, "…")
	return ok && kept != "" && utf8.ValidString(kept) && strings.HasPrefix(want, kept)
}

// testOddText: nothing in a text makes the driver refuse it.
func testOddText(t *testing.T, h Harness) {
	p := h.Open(t)
	for _, odd := range []string{"", "\x00", "\xff\xfe", "a\u0301", "\U000e0067", "\u202e", `{"a":1}`, "</script>",
		"%s%n", "\r\nX: y"} {
		for _, form := range h.forms() {
			m := p.message(h, form)
			m.Tag, m.Title, m.Body = odd, odd, odd
			m.Data = map[string]string{"odd": odd}
			mustSend(t, p, m)
			m.Data = nil
			mustSend(t, p, m)
		}
	}
}

func testKinds(t *testing.T, h Harness) {
	takes := map[bellhop.AddressKind]bool{}
	for _, k := range h.Kinds {
		takes[k] = true
	}
	p := h.Open(t)
	for _, kind := range []bellhop.AddressKind{bellhop.AddressToken, bellhop.AddressFID, bellhop.AddressWebPush} {
		m := p.message(h, bellhop.FormNotification)
		m.Device.Kind = kind
		if p.Sender.Takes(kind) != takes[kind] {
			t.Errorf("Takes(%s) is %t", kind, !takes[kind])
		}
		if takes[kind] {
			mustSend(t, p, m)
			continue
		}
		if e := failure(t, t.Context(), p, m); e.Reason != push.ReasonRefused {
			t.Errorf("an address of kind %s is %s, want %s", kind, e.Reason, push.ReasonRefused)
		}
	}
}
