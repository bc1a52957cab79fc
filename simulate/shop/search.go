package shop

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is a search for orders in Shopify's syntax: https://shopify.dev/docs/api/usage/search-syntax.
type query struct {
	text     string
	match    func(*entry) bool
	warnings []warning
}

// warning is all that Shopify says of a field that it doesn't know, which matches everything.
type warning struct {
	Field   string `json:"field"`
	Message string `json:"message"`
	Code    string `json:"code"`
}

func matchAll(*entry) bool { return true }

// parseQuery reads terms such as updated_at:>='2026-11-01T00:00:00Z', joined by AND, OR, NOT and brackets.
func parseQuery(text string) *query {
	q := &query{text: text}
	p := &queryParser{query: q, words: queryWords(text)}
	q.match = matchAll
	if len(p.words) > 0 {
		q.match = p.either()
	}
	return q
}

type queryParser struct {
	*query
	words []string
	depth int
}

// maxDepth of brackets keeps the parser's stack small.
const maxDepth = 50

func queryWords(text string) (words []string) {
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	quote := rune(0)
	for _, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteRune(c)
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ' ':
			end()
		case c == '(' || c == ')':
			end()
			words = append(words, string(c))
		default:
			word.WriteRune(c)
		}
	}
	end()
	return words
}

func (p *queryParser) peek() string {
	if len(p.words) == 0 {
		return ""
	}
	return p.words[0]
}

func (p *queryParser) accept(word string) bool {
	if p.peek() != word {
		return false
	}
	p.words = p.words[1:]
	return true
}

func (p *queryParser) either() func(*entry) bool {
	match := p.both()
	for p.accept("OR") {
		a, b := match, p.both()
		match = func(e *entry) bool { return a(e) || b(e) }
	}
	return match
}

func (p *queryParser) both() func(*entry) bool {
	match := p.one()
	for p.peek() != "" && p.peek() != "OR" && p.peek() != ")" {
		p.accept("AND")
		a, b := match, p.one()
		match = func(e *entry) bool { return a(e) && b(e) }
	}
	return match
}

func (p *queryParser) one() func(*entry) bool {
	if p.depth++; p.depth > maxDepth {
		p.words = nil
	}
	defer func() { p.depth-- }()
	switch word := p.peek(); {
	case word == "":
		return matchAll
	case p.accept("NOT"):
		return not(p.one())
	case p.accept("("):
		match := p.either()
		p.accept(")")
		return match
	case len(word) > 1 && word[0] == '-':
		p.words[0] = word[1:]
		return not(p.one())
	default:
		p.words = p.words[1:]
		return p.term(word)
	}
}

func not(match func(*entry) bool) func(*entry) bool { return func(e *entry) bool { return !match(e) } }

// term reads field:value, field:>=value, or a word to be found in names.
func (p *queryParser) term(word string) func(*entry) bool {
	field, value, ok := strings.Cut(word, ":")
	if !ok {
		return func(e *entry) bool { return strings.Contains(e.name(), word) || strings.EqualFold(e.d.Email(), word) }
	}
	op := "="
	for _, o := range []string{">=", "<=", ">", "<"} {
		if rest, cut := strings.CutPrefix(value, o); cut {
			op, value = o, rest
			break
		}
	}
	if times[field] != nil {
		return p.timeTerm(field, op, value)
	}
	switch field {
	case "id":
		id, err := strconv.ParseInt(value[strings.LastIndex(value, "/")+1:], 10, 64)
		if err != nil {
			return p.doubt(field, "Invalid value for this search field.", "invalid_value")
		}
		return func(e *entry) bool { return holds(cmp.Compare(e.id, id), op) }
	case "test":
		return func(e *entry) bool { return strconv.FormatBool(e.d.Facts().Test) == value }
	}
	if text := texts[field]; text != nil {
		return func(e *entry) bool {
			return slices.ContainsFunc(strings.Split(value, ","), func(v string) bool { return text(e, v) })
		}
	}
	return p.doubt(field, "Invalid search field for this query.", "invalid_field")
}

func (p *queryParser) doubt(field, message, code string) func(*entry) bool {
	p.warnings = append(p.warnings, warning{field, message, code})
	return matchAll
}

// timeTerm compares a time. A date alone is a whole day.
func (p *queryParser) timeTerm(field, op, value string) func(*entry) bool {
	from, err := time.Parse(time.RFC3339, value)
	to := from
	if err != nil {
		from, err = time.Parse(time.DateOnly, value)
		to = from.Add(24*time.Hour - time.Nanosecond)
	}
	if err != nil {
		return p.doubt(field, "Invalid value for this search field.", "invalid_value")
	}
	get := times[field]
	return func(e *entry) bool {
		at := time.Unix(get(e), 0)
		switch op {
		case ">=":
			return !at.Before(from)
		case ">":
			return at.After(to)
		case "<=":
			return !at.After(to)
		case "<":
			return at.Before(from)
		}
		return !at.Before(from) && !at.After(to)
	}
}

func holds(c int, op string) bool {
	switch op {
	case ">=":
		return c >= 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case "<":
		return c < 0
	}
	return c == 0
}

var times = map[string]func(*entry) int64{
	"created_at":   func(e *entry) int64 { return e.created },
	"updated_at":   func(e *entry) int64 { return e.updated },
	"processed_at": func(e *entry) int64 { return e.processed },
}

func (e *entry) name() string { return "#" + strconv.FormatInt(e.number, 10) }

var texts = map[string]func(e *entry, value string) bool{
	"name":             func(e *entry, v string) bool { return e.name() == "#"+strings.TrimPrefix(v, "#") },
	"email":            func(e *entry, v string) bool { return strings.EqualFold(e.d.Email(), v) },
	"financial_status": func(e *entry, v string) bool { return v == "any" || strings.EqualFold(e.d.Facts().Financial, v) },
	"fulfillment_status": func(e *entry, v string) bool {
		is := cmp.Or(e.d.Fulfillment(), "unfulfilled")
		return strings.EqualFold(is, fulfillmentWords[v]) || strings.EqualFold(is, v)
	},
	"source_name": func(e *entry, v string) bool { return strings.EqualFold(e.d.Facts().Source, v) },
	"tag":         func(e *entry, v string) bool { return slices.Contains(strings.Split(e.d.Facts().Tags, ", "), v) },
	"status": func(e *entry, v string) bool {
		switch f := e.d.Facts(); v {
		case "open":
			return f.Cancelled.IsZero() && f.Closed.IsZero()
		case "closed":
			return !f.Closed.IsZero()
		case "cancelled":
			return !f.Cancelled.IsZero()
		case "not_closed":
			return f.Closed.IsZero()
		}
		return v == "any"
	},
}

var fulfillmentWords = map[string]string{"shipped": "fulfilled", "unshipped": "unfulfilled"}
