// Package logpush writes a line to the log instead of sending a push: for trying bellhop out, and
// for shops without an app. The line names the device that would get the push, but neither its
// address nor the push's text, which may be about a customer.
package logpush

import (
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"

	"bellhop"
	"bellhop/push"
)

// Sender is the driver. It is safe for use from many goroutines at once.
type Sender struct {
	log  *slog.Logger
	sent atomic.Uint64
}

var _ push.Sender = (*Sender)(nil)

// New makes a sender that writes to log, at level info.
func New(log *slog.Logger) *Sender { return &Sender{log: log} }

// Send always succeeds. The name is "log/" and a number that begins at 1 with
// each process.
func (s *Sender) Send(ctx context.Context, m push.Message) (string, error) {
	name := "log/" + strconv.FormatUint(s.sent.Add(1), 10)
	s.log.LogAttrs(ctx, slog.LevelInfo, "push sent",
		slog.String("shop", m.Device.Shop),
		slog.String("device", m.Device.Installation),
		slog.String("kind", string(m.Device.Kind)),
		slog.String("form", string(m.Device.Form)),
		slog.String("tag", m.Tag),
		slog.String("message", name))
	return name, nil
}

// Takes all kinds.
func (s *Sender) Takes(bellhop.AddressKind) bool { return true }

// Service is one for all.
func (s *Sender) Service(bellhop.Device) string { return "log:" }

// Check always succeeds.
func (s *Sender) Check(context.Context, ...bellhop.Device) error { return nil }

// Close does nothing.
func (s *Sender) Close() error { return nil }
