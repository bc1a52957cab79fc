package shopify

import (
	"slices"
	"strings"
	"unicode"
)

// writing is how a language writes a person's name.
type writing int

const (
	givenFirst     writing = iota // Ann Example
	familyFirst                   // 山田 太郎
	familyFirstOne                // 홍길동, in one word
)

// script tells what the order says of the language of a name: of its buyer, or the country.
func script(o *order, a *address) (hint string) {
	lang, _, _ := strings.Cut(strings.ToLower(o.Locale), "-")
	switch lang {
	case "ko", "ja", "zh":
		return lang
	}
	if a == nil {
		return ""
	}
	switch a.CountryCode {
	case "KR", "KP":
		return "ko"
	case "JP":
		return "ja"
	case "CN", "TW", "HK", "MO", "SG":
		return "zh"
	}
	return ""
}

// writingOf tells by the letters of a name first: a foreigner's name in Latin letters stays as it is.
func writingOf(name, hint string) writing {
	var han, kana, other bool
	for _, c := range name {
		switch {
		case c < 0x1100: // before the first letter of East Asia
			other = other || unicode.IsLetter(c)
		case unicode.Is(unicode.Hangul, c):
			return familyFirstOne
		case unicode.In(c, unicode.Hiragana, unicode.Katakana):
			kana = true
		case unicode.Is(unicode.Han, c):
			han = true
		case unicode.IsLetter(c):
			other = true
		}
	}
	switch {
	case other:
		return givenFirst
	case han && (hint == "zh" || hint == "ko"):
		return familyFirstOne
	case han, kana && hint == "ja":
		return familyFirst
	}
	return givenFirst
}

// personName writes a name as its language does. Shopify's own word counts, unless it is only the
// given name before the family name.
func personName(name, first, last, hint string) string {
	name, first, last = cleanLine(name), cleanLine(first), cleanLine(last)
	plain := name == first+" "+last || slices.Equal(strings.Fields(name), strings.Fields(first+" "+last))
	if name != "" && (!plain || first == "" || last == "") {
		return name
	}
	if first == "" || last == "" {
		return first + last
	}
	switch writingOf(first+last, hint) {
	case familyFirst:
		return last + " " + first
	case familyFirstOne:
		return last + first
	}
	return first + " " + last
}
