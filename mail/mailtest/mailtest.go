// Package mailtest is the conformance suite of [bellhop/mail]: a driver's promises, with any service behind it. A
// driver's own tests call [Run] and otherwise test only its quirks.
package mailtest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/mail"
)

// Peer is a sender and its service, a stand-in on this machine that takes all messages at first.
type Peer struct {
	Sender mail.Sender
	// Sent returns the messages that the service took, oldest first.
	Sent func() []mail.Message
	// Answer makes the service meet all later messages with what means r, and quote the recipient where it can. ""
	// makes it take messages again.
	Answer func(r mail.Reason)
	// Hang makes the service answer nothing more. The channel gets a value for each message that waits.
	Hang func() <-chan string
	// Down makes the service unreachable.
	Down func()
}

// soon is what "returns soon" may take on a busy machine.
const soon = 5 * time.Second

const recipient = "who-nobody-may-read@example.com"

var message = mail.Message{To: recipient, Subject: "Anmeldung für 데모 — デモ " + strings.Repeat("lang ", 20),
	Text: ".\n.. dots\n\nhttps://bellhop.example.com/signin?once=" + strings.Repeat("x=", 200) + "\n안녕하세요\nFrom here\n"}

// Run runs the suite. open makes a sender with a peer of its own, and closes both with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Peer) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Peer)
	}{
		{"Sends", testSends}, {"Concurrent", testConcurrent}, {"OneLineSubject", testOneLineSubject},
		{"OddRecipients", testOddRecipients}, {"Reasons", testReasons}, {"Check", testCheck}, {"Down", testDown},
		{"CancelledBefore", testCancelledBefore}, {"CancelledWhileWaiting", testCancelledWhileWaiting},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func mustSend(t *testing.T, p Peer, m mail.Message) {
	t.Helper()
	if err := p.Sender.Send(t.Context(), m); err != nil {
		t.Errorf("sending: %v", err)
	}
}

func wantReason(t *testing.T, err error, want ...mail.Reason) {
	t.Helper()
	e, ok := errors.AsType[*mail.Error](err)
	for _, r := range want {
		if ok && e.Reason == r {
			if strings.Contains(e.Error(), "who-nobody") {
				t.Errorf("the error names the recipient: %v", err)
			}
			return
		}
	}
	t.Errorf("the error is %v, want %v", err, want)
}

func testSends(t *testing.T, p Peer) {
	mustSend(t, p, message)
	sent := p.Sent()
	if len(sent) != 1 || sent[0] != message {
		t.Errorf("the service took %+q, want %+q", sent, message)
	}
}

func testConcurrent(t *testing.T, p Peer) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { mustSend(t, p, message) })
	}
	all.Wait()
	if n := len(p.Sent()); n != 8 {
		t.Errorf("the service took %d of 8", n)
	}
}

func testOneLineSubject(t *testing.T, p Peer) {
	m := message
	m.Subject = "one\r\nBcc: other@example.com\r\n\r\ntwo"
	mustSend(t, p, m)
	m.Subject = "one Bcc: other@example.com two"
	if sent := p.Sent(); len(sent) != 1 || sent[0] != m {
		t.Errorf("the service took %+q", sent)
	}
}

func testOddRecipients(t *testing.T, p Peer) {
	for _, to := range []string{"", "x", "a@example.com\r\nRCPT TO:<b@example.com>", "a@example.com\nBcc: b@example.com",
		"a@example.com, b@example.com", "a@example.com> SIZE=1"} {
		m := message
		m.To = to
		wantReason(t, p.Sender.Send(t.Context(), m), mail.ReasonRefused)
	}
	if sent := p.Sent(); len(sent) > 0 {
		t.Errorf("the service took %+q", sent)
	}
}

func testReasons(t *testing.T, p Peer) {
	for _, r := range []mail.Reason{mail.ReasonRecipient, mail.ReasonRefused, mail.ReasonNotAllowed,
		mail.ReasonUnavailable, mail.ReasonUnknown} {
		p.Answer(r)
		wantReason(t, p.Sender.Send(t.Context(), message), r)
	}
	p.Answer("")
	mustSend(t, p, message)
}

func testCheck(t *testing.T, p Peer) {
	if err := p.Sender.Check(t.Context()); err != nil || len(p.Sent()) > 0 {
		t.Errorf("checking: %v, sent %v", err, p.Sent())
	}
	p.Answer(mail.ReasonNotAllowed)
	wantReason(t, p.Sender.Check(t.Context()), mail.ReasonNotAllowed)
}

func testDown(t *testing.T, p Peer) {
	p.Down()
	wantReason(t, p.Sender.Send(t.Context(), message), mail.ReasonUnavailable)
	wantReason(t, p.Sender.Check(t.Context()), mail.ReasonUnavailable)
}

func testCancelledBefore(t *testing.T, p Peer) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantReason(t, p.Sender.Send(ctx, message), mail.ReasonUnavailable)
	if sent := p.Sent(); len(sent) > 0 {
		t.Errorf("the service took %+q", sent)
	}
}

func testCancelledWhileWaiting(t *testing.T, p Peer) {
	waits := p.Hang()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Sender.Send(ctx, message) }()
	<-waits
	cancel()
	select {
	case err := <-ended:
		wantReason(t, err, mail.ReasonUnavailable, mail.ReasonUnknown)
	case <-time.After(soon):
		t.Error("the sender waits on")
	}
}
