package push

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// perKey is the size of an entry of the data beyond key and value.
	perKey = len(`"":"",`)

	// What shortening leaves of body and title before it touches the data: an
	// owner always sees something.
	bodyFloor  = 200
	titleFloor = 100

	ellipsis = "…"
	// maxStepBack bounds the search for the end of a character. It cuts longer runs of marks
	// between runes.
	maxStepBack = 16
)

// Text is the part of a message that can be shortened.
type Text struct {
	Title, Body string
	Data        map[string]string
}

func (t Text) size() int {
	n := JSONLen(t.Title) + JSONLen(t.Body)
	for k, v := range t.Data {
		n += perKey + JSONLen(k) + JSONLen(v)
	}
	return n
}

// Shorten makes t fit into budget bytes of JSON. It shortens the body first, then the title, then
// the longest of the data, or drops whole entries. It does not change its argument.
func Shorten(t Text, budget int) Text {
	over := t.size() - budget
	if over <= 0 {
		return t
	}
	t.Body, over = shortenBy(t.Body, over, bodyFloor)
	t.Title, over = shortenBy(t.Title, over, titleFloor)
	if over > 0 {
		t.Data = shortenData(t.Data, over)
	}
	return t
}

// shortenData takes over bytes away, from the longest entries first: from the
// value if it has them, else the whole entry.
func shortenData(data map[string]string, over int) map[string]string {
	data = maps.Clone(data)
	size := func(k string) int { return perKey + JSONLen(k) + JSONLen(data[k]) }
	keys := slices.Sorted(maps.Keys(data))
	slices.SortStableFunc(keys, func(a, b string) int { return size(b) - size(a) })
	for _, k := range keys {
		switch {
		case over <= 0:
			return data
		case JSONLen(data[k]) >= over:
			data[k], over = shortenBy(data[k], over, 0)
		default:
			over -= size(k)
			delete(data, k)
		}
	}
	return data
}

// shortenBy takes over bytes from s, but not below floor, and returns how many
// are left to take elsewhere.
func shortenBy(s string, over, floor int) (string, int) {
	size := JSONLen(s)
	if over <= 0 || size <= floor {
		return s, over
	}
	cut := clipText(s, max(size-over, floor))
	return cut, over - (size - JSONLen(cut))
}

// clipText cuts s to at most limit bytes of JSON, an ellipsis included, and
// not inside a character if it can be helped.
func clipText(s string, limit int) string {
	if JSONLen(s) <= limit {
		return s
	}
	room := limit - len(ellipsis)
	if room < 0 {
		return ""
	}
	end := 0
	for end < len(s) {
		r, width := utf8.DecodeRuneInString(s[end:])
		if room -= jsonRuneLen(r, width); room < 0 {
			break
		}
		end += width
	}
	return strings.TrimRightFunc(s[:stepBack(s, end)], unicode.IsSpace) + ellipsis
}

// stepBack returns the nearest place at or before end where a character that a
// person sees as one ends: not before a mark, inside a joined emoji or between
// the halves of a flag.
func stepBack(s string, end int) int {
	at := end
	for range maxStepBack {
		next, _ := utf8.DecodeRuneInString(s[at:])
		last, width := utf8.DecodeLastRuneInString(s[:at])
		if width == 0 || !extends(next) && last != joiner && !splitsFlag(s, at, next) {
			return at
		}
		at -= width
	}
	return end
}

const joiner = '\u200d'

// extends reports whether r belongs to the rune before it.
func extends(r rune) bool {
	return r == joiner || unicode.Is(unicode.M, r) ||
		r >= 0x1f3fb && r <= 0x1f3ff || // skin tones
		r >= 0xe0020 && r <= 0xe007f // tags of regional flags
}

// splitsFlag reports whether a flag, which is two regional indicators, would be
// cut in two at at.
func splitsFlag(s string, at int, next rune) bool {
	indicators := 0
	for isIndicator(next) && at > 0 {
		r, width := utf8.DecodeLastRuneInString(s[:at])
		if !isIndicator(r) {
			break
		}
		at -= width
		indicators++
	}
	return indicators%2 == 1
}

func isIndicator(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// JSONLen is how many bytes encoding/json makes of s, without the quotes.
func JSONLen(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			n += jsonByteLen(c)
			i++
			continue
		}
		r, width := utf8.DecodeRuneInString(s[i:])
		n += jsonRuneLen(r, width)
		i += width
	}
	return n
}

func jsonRuneLen(r rune, width int) int {
	switch {
	case r < utf8.RuneSelf:
		return jsonByteLen(byte(r))
	case r == '\u2028' || r == '\u2029' || r == utf8.RuneError && width == 1:
		return 6
	}
	return width
}

func jsonByteLen(c byte) int {
	switch c {
	case '"', '\\', '\n', '\r', '\t', '\b', '\f':
		return 2
	case '<', '>', '&':
		return 6
	}
	if c < ' ' {
		return 6
	}
	return 1
}
