package web

import (
	"log"
	"log/slog"
	"net/http"
	"time"
)

// HTTPServer returns a server with every timeout and limit set. Streams extend
// their own; bodies have a shorter one.
func HTTPServer(addr string, h http.Handler, l *slog.Logger) *http.Server {
	s := &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       120 * time.Second, // Shopify uses a connection again
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          errorLog(l),
	}
	newConns(connsAllowed(), maxHeld).watch(s)
	return s
}

// errorLog logs net/http's messages about single connections as debugging output.
func errorLog(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(LoggerOr(l).Handler(), slog.LevelDebug)
}
