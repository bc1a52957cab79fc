package logpush_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"bellhop"
	"bellhop/push"
	"bellhop/push/logpush"
	"bellhop/push/pushtest"
)

func TestConformance(t *testing.T) {
	pushtest.Run(t, pushtest.Harness{
		Open: func(*testing.T) pushtest.Peer {
			return pushtest.Peer{Sender: logpush.New(slog.New(slog.DiscardHandler))}
		},
		Kinds: []bellhop.AddressKind{bellhop.AddressToken, bellhop.AddressFID, bellhop.AddressWebPush},
	})
}

func TestLogSaysNothingOfTheMessage(t *testing.T) {
	var out bytes.Buffer
	s := logpush.New(slog.New(slog.NewJSONHandler(&out, nil)))
	_, err := s.Send(t.Context(), push.Message{
		Device: bellhop.Device{Installation: "phone-1", Value: "SECRET-address"},
		Title:  "SECRET-title", Body: "SECRET-body", Data: map[string]string{"k": "SECRET-data"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "SECRET") {
		t.Errorf("the log quotes the push: %s", out.String())
	}
}

func Example() {
	short := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}}
	s := logpush.New(slog.New(slog.NewTextHandler(os.Stdout, short)))
	s.Send(context.Background(), push.Message{
		Device: bellhop.Device{Shop: "demo.myshopify.com", Installation: "phone-1", Kind: bellhop.AddressToken,
			Value: "c7Qx", Form: bellhop.FormNotification},
		Tag:   "order-1001",
		Title: "New order #1001",
	})
	// Output:
	// msg="push sent" shop=demo.myshopify.com device=phone-1 kind=token form=notification tag=order-1001 message=log/1
}
