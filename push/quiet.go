package push

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Drivers that speak HTTP share this: errors without addresses and texts of pushes, and the wait
// that a service asks for.

// Quiet returns err without the URL around it, and without its text where that
// quotes the push, as net/http does with an answer that is not HTTP.
func Quiet(err error, m Message) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if Quotes(err.Error(), m) {
		return errors.New("the answer can't be read")
	}
	return Clipped(err)
}

// Quotes reports whether text holds anything of the push or its address.
func Quotes(text string, m Message) bool {
	secrets := []string{m.Device.Value, m.Title, m.Body}
	for _, v := range m.Data {
		secrets = append(secrets, v)
	}
	for _, s := range secrets {
		if len(s) > 2 && strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// Clipped bounds the length of an error's text. A longer error loses its chain.
func Clipped(err error) error {
	if len(err.Error()) <= 300 {
		return err
	}
	return errors.New(Clip(err.Error(), 300))
}

// Clip makes at most n bytes of s fit for a line of a log.
func Clip(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// MaxRetryAfter is when bellhop gives a message up anyway.
const MaxRetryAfter = time.Hour

// RetryAfter reads the header of that name, in seconds or as a date; 0 when there
// is none.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration) {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(v, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), MaxRetryAfter)
}
