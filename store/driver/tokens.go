package driver

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/text/unicode/norm"

	"bellhop"
)

// A search index keeps tokens: letters and digits alone, folded. Both databases and the query cut
// text by the functions below, so that all agree on what a word is.

// The first character of a token says what it is.
const (
	markWord = "·" // a word, found by its beginning
	markEnd  = "«" // a number written backwards, found by its last digits
	markTag  = "§" // a hash of a whole tag
)

// These bound what an order brings into the index.
const (
	maxTokens = 400
	maxToken  = 40 // characters of a token
	maxQuery  = 12 // words of a query
)

// Fold returns text as it is compared: NFKC, without case and accents.
func Fold(s string) string {
	if !strings.ContainsFunc(s, changes) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	for _, c := range norm.NFKD.String(strings.ToLower(norm.NFKC.String(s))) {
		// A Japanese voicing mark makes another letter of one; accents don't.
		if unicode.Is(unicode.Mn, c) && c != '\u3099' && c != '\u309a' {
			continue
		}
		b.WriteRune(c)
	}
	return strings.ReplaceAll(strings.ToLower(norm.NFKC.String(b.String())), "ß", "ss")
}

// changes reports whether a character may have another form than its small letter: all but ASCII and
// what most texts of East Asia are made of.
func changes(c rune) bool {
	switch {
	case c < utf8.RuneSelf, c >= 0x4e00 && c <= 0x9fff, c >= 0xac00 && c <= 0xd7a3:
		return false
	case c >= 0x3041 && c <= 0x3096, c >= 0x30a1 && c <= 0x30fc:
		return false
	}
	return true
}

// cut yields the words of folded text: letters and digits, with what joins them, as in
// jo.lee@example.com and lamp-123. A run of Chinese, Japanese or Korean is a word of its own, since
// it has no spaces.
func cut(folded string) iter.Seq2[string, bool] {
	return func(yield func(word string, cjk bool) bool) {
		begin, end, kind := 0, 0, other
		for i, c := range folded {
			k := kindOf(c)
			if k == joiner {
				if kind == letter {
					continue // its word may go on
				}
				k = other
			}
			if k != kind {
				if kind != other && !yield(folded[begin:end], kind == cjk) {
					return
				}
				begin, kind = i, k
			}
			end = i + utf8.RuneLen(c)
		}
		if kind != other {
			yield(folded[begin:end], kind == cjk)
		}
	}
}

// The kinds of characters.
const (
	other = iota
	letter
	cjk
	joiner
)

func kindOf(c rune) int {
	switch {
	case c < utf8.RuneSelf:
		return int(ascii[c])
	case isCJK(c):
		return cjk
	case unicode.IsLetter(c) || unicode.IsDigit(c):
		return letter
	case c == '‐' || c == '’':
		return joiner
	}
	return other
}

// ascii has the kinds of its small letters: most text is made of them.
var ascii = func() (kinds [utf8.RuneSelf]uint8) {
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789" {
		kinds[c] = letter
	}
	for _, c := range "-_.@/+'" {
		kinds[c] = joiner
	}
	return kinds
}()

// plain is a word without what joins it.
func plain(word string) string {
	if !strings.ContainsFunc(word, func(c rune) bool { return kindOf(c) == joiner }) {
		return word
	}
	return strings.Map(func(c rune) rune {
		if kindOf(c) == joiner {
			return -1
		}
		return c
	}, word)
}

func isCJK(c rune) bool {
	return c >= 0x1100 && (unicode.In(c, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || c == 'ー')
}

// tokens collects an order's tokens, each once, with spaces between.
type tokens struct {
	mark string // of the shop
	text []byte
	sums []uint64 // of the tokens
	seen []string // texts that were cut already: one name stands in several places
}

func (t *tokens) add(mark, text string) {
	if text == "" || len(t.sums) >= maxTokens {
		return
	}
	sum := xxhash.Sum64String(text) + uint64(mark[len(mark)-1])
	if slices.Contains(t.sums, sum) {
		return
	}
	t.sums = append(t.sums, sum)
	t.text = append(append(append(append(t.text, t.mark...), mark...), text...), ' ')
}

func (t *tokens) word(text string) { t.add(markWord, text) }

// full bounds the work, too: a huge order must not keep other shops waiting.
func (t *tokens) full() bool { return len(t.sums) >= maxTokens || len(t.seen) >= maxTokens }

// words adds the words of a text, which a query finds by their beginnings, and pairs of CJK
// characters. A word goes into the index from each joined part on: one look-up finds lamp-123, and 123
// is found by itself. With parts, it does so from where letters and digits meet, too, such as the 42
// of TEE42.
func (t *tokens) words(s string, parts bool) {
	if s == "" || t.full() || slices.Contains(t.seen, s) {
		return
	}
	t.seen = append(t.seen, s)
	for word, cjk := range cut(Fold(s)) {
		if cjk {
			t.pairs(word)
			continue
		}
		rest, before, joins := plain(word), rune(0), true
		for _, c := range word {
			if kindOf(c) == joiner {
				joins = true
				continue
			}
			if joins || parts && isDigit(c) != isDigit(before) {
				t.word(clipRunes(rest))
			}
			rest, before, joins = rest[utf8.RuneLen(c):], c, false
		}
	}
}

func isDigit(c rune) bool { return c >= '0' && c <= '9' }

// pairs adds each two neighbours of a run, and its last character alone.
func (t *tokens) pairs(run string) {
	last := 0
	for i, c := range run {
		if i > 0 {
			t.word(run[last : i+utf8.RuneLen(c)])
		}
		last = i
	}
	t.word(run[last:])
}

// joined is a text without what separates its letters and digits.
func joined(s string) string {
	var b strings.Builder
	for word := range cut(Fold(s)) {
		b.WriteString(plain(word))
	}
	return clipRunes(b.String())
}

func reversed(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

func clipRunes(s string) string {
	if len(s) <= maxToken {
		return s
	}
	n := 0
	for i := range s {
		if n == maxToken {
			return s[:i]
		}
		n++
	}
	return s
}

// TokenText is what an order is found by, with spaces between: its name, number, customer, addresses'
// names and phones, tags, lines, and the parcels of its history.
func TokenText(o *bellhop.Order, h *bellhop.History) string {
	t := tokens{mark: shopMark(o.Shop), text: make([]byte, 0, 1<<10), sums: make([]uint64, 0, 64),
		seen: make([]string, 0, 16)}
	t.words(o.Name, false)
	t.word(joined(o.Name))
	if o.Number != 0 {
		t.word(strconv.FormatInt(o.Number, 10))
	}
	for _, tag := range o.Tags { // ahead of texts, so that none of those takes their room
		t.add(markTag, tagHash(tag))
	}
	t.name(o.CustomerName)
	t.words(o.CustomerEmail, true)
	if c := o.Customer; c != nil {
		t.name(c.Name)
		t.words(c.Email, true)
		t.number(c.Phone)
	}
	for _, a := range [...]*bellhop.Address{o.Billing, o.Shipping} {
		if a != nil {
			t.name(a.Name)
			t.words(a.Company, false)
			t.number(a.Phone)
		}
	}
	for _, tag := range o.Tags {
		t.words(tag, false)
	}
	for i := range h.Fulfillments {
		for _, n := range h.Fulfillments[i].Tracking {
			t.number(n.Number)
		}
	}
	for i := range o.Items {
		if t.full() {
			break
		}
		it := &o.Items[i]
		t.words(it.SKU, true)
		t.word(joined(it.SKU))
		t.words(it.Title, true)
		t.words(it.Variant, false)
	}
	return string(bytes.TrimSuffix(t.text, []byte(" ")))
}

// tagHash stands for a whole tag, of whatever characters. Case and width make no difference: capitals
// come first, since some small letters share one, such as σ and ς.
func tagHash(tag string) string {
	return hash36(strings.ToLower(strings.ToUpper(strings.TrimSpace(norm.NFKC.String(tag)))), 13)
}

// name adds a person's name, which is also found without the space in it.
func (t *tokens) name(s string) {
	t.words(s, false)
	if strings.ContainsFunc(s, isCJK) {
		t.words(strings.ReplaceAll(s, " ", ""), false)
	}
}

// number adds a phone or tracking number, which a query also finds by its last digits.
func (t *tokens) number(s string) {
	if s == "" || t.full() || slices.Contains(t.seen, s) {
		return
	}
	t.words(s, false)
	whole := joined(s)
	t.word(whole)
	t.add(markEnd, reversed(whole))
}

// Tagged wants a whole tag.
func Tagged(tag string) Wanted { return Wanted{markTag + tagHash(tag)} }

// Wanted is one word of a query. An order has it if one of its tokens begins with one of these.
type Wanted []string

// ParseQuery cuts the text of a search into its words, all of which an order must have. A text
// without letters and digits matches nothing.
func ParseQuery(text string) (words []Wanted) {
	for word, cjk := range cut(Fold(text)) {
		if len(words) >= maxQuery {
			break
		}
		if cjk {
			words = append(words, pairsOf(word)...)
			continue
		}
		word = plain(word)
		w := Wanted{markWord + clipRunes(word)}
		if digits := strings.TrimLeft(word, "0"); isNumber(word) && len(word) >= 4 && digits != "" {
			// A phone number is also written with its country's code in the place of the 0.
			w = append(w, markEnd+reversed(clipRunes(word)), markEnd+reversed(clipRunes(digits)))
			w = slices.Compact(w)
		}
		words = append(words, w)
	}
	return words
}

// pairsOf wants each two neighbours of a run; of one character alone, whatever begins with it.
func pairsOf(run string) (words []Wanted) {
	r := []rune(run)
	if len(r) == 1 {
		return []Wanted{{markWord + run}}
	}
	for i := range len(r) - 1 {
		words = append(words, Wanted{markWord + string(r[i:i+2])})
	}
	return words[:min(len(words), maxQuery)]
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

// MatchFTS5 is the query of SQLite's index for a shop's orders that have all words.
func MatchFTS5(shop string, words []Wanted) string {
	return match(shop, words, `"`, `"*`, " OR ", " AND ")
}

// MatchTSQuery is the query of PostgreSQL's index for a shop's orders that have all words.
func MatchTSQuery(shop string, words []Wanted) string {
	return match(shop, words, `'`, `':*`, " | ", " & ")
}

// match needs no escapes: tokens have letters, digits and marks alone.
func match(shop string, words []Wanted, open, shut, or, and string) string {
	mark := shopMark(shop)
	all := make([]string, len(words))
	for i, w := range words {
		any := make([]string, len(w))
		for k, begin := range w {
			any[k] = open + mark + begin + shut
		}
		all[i] = "(" + strings.Join(any, or) + ")"
	}
	return strings.Join(all, and)
}

// shopMark begins the tokens of a shop's orders, so that a search reads nothing of other shops.
// Two shops may share one: a driver looks at the order's shop, too.
func shopMark(shop string) string { return hash36(shop, 5) }

// hash36 is a hash of a text, in digits of base 36: 13 hold all of it.
func hash36(s string, digits int) string {
	const all = "0123456789abcdefghijklmnopqrstuvwxyz"
	b, h := make([]byte, digits), xxhash.Sum64String(s)
	for i := range b {
		b[i], h = all[h%36], h/36
	}
	return string(b)
}
