package web

import (
	"log/slog"
	"sync/atomic"
	"time"
)

func loggerOr(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// sometimes says yes once a second, so that trouble under a flood is logged and
// the log is no flood of its own.
type sometimes struct{ last atomic.Int64 }

func (s *sometimes) now(t time.Time) bool {
	last, now := s.last.Load(), t.UnixNano()
	return now-last >= int64(time.Second) && s.last.CompareAndSwap(last, now)
}
