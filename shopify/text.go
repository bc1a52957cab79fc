package shopify

import (
	"strings"
	"time"
	"unicode/utf8"
)

// ParseTime reads a time as Shopify writes it, to the microsecond, and keeps its offset. It refuses
// times that a database or JSON could not give back: offsets of a day or more, and years before
// 1970 or after 9000. Some senders use year 1, the zero time, for no time.
func ParseTime(s string) (time.Time, bool) {
	// In UTC, so that the result does not depend on the machine: a time with the machine's own
	// offset would otherwise get its zone.
	t, err := time.ParseInLocation(time.RFC3339, s, time.UTC)
	switch {
	case err != nil:
		return time.Time{}, false
	case t.IsZero():
		return time.Time{}, true
	}
	_, offset := t.Zone()
	if y := t.Year(); y < 1970 || y > 9000 || offset <= -86400 || offset >= 86400 {
		return time.Time{}, false
	}
	return t.Truncate(time.Microsecond), true
}

// Text returns a text of Shopify's as it can be kept, cut to limit bytes.
func Text(s string, limit int) string { return clean(s, limit) }

// clean replaces NUL, which PostgreSQL takes in no text, and cuts s to limit bytes
// between two characters. It takes for granted that s is UTF-8, as all text out
// of the decoder is.
func clean(s string, limit int) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	if len(s) <= limit {
		return s
	}
	for !utf8.RuneStart(s[limit]) {
		limit--
	}
	return strings.Clone(s[:limit]) // or the rest would stay in memory with it
}
