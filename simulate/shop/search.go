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
	match    func(*facts) bool
	warnings []warning
}

// warning is all that Shopify says of a field that it doesn't know, which matches everything.
type warning struct {
	Field   string `json:"field"`
	Message string `json:"message"`
	Code    string `json:"code"`
}

func matchAll(*facts) bool { return true }

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

func (p *queryParser) either() func(*facts) bool {
	match := p.both()
	for p.accept("OR") {
		a, b := match, p.both()
		match = func(f *facts) bool { return a(f) || b(f) }
	}
	return match
}

func (p *queryParser) both() func(*facts) bool {
	match := p.one()
	for p.peek() != "" && p.peek() != "OR" && p.peek() != ")" {
		p.accept("AND")
		a, b := match, p.one()
		match = func(f *facts) bool { return a(f) && b(f) }
	}
	return match
}

func (p *queryParser) one() func(*facts) bool {
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

func not(match func(*facts) bool) func(*facts) bool { return func(f *facts) bool { return !match(f) } }

// term reads field:value, field:>=value, or a word to be found in names.
func (p *queryParser) term(word string) func(*facts) bool {
	field, value, ok := strings.Cut(word, ":")
	if !ok {
		return func(f *facts) bool { return strings.Contains(f.Name, word) || strings.EqualFold(f.Email, word) }
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
		return func(f *facts) bool { return holds(cmp.Compare(f.ID, id), op) }
	case "test":
		return func(f *facts) bool { return strconv.FormatBool(f.Test) == value }
	}
	if text := texts[field]; text != nil {
		return func(f *facts) bool {
			return slices.ContainsFunc(strings.Split(value, ","), func(v string) bool { return text(f, v) })
		}
	}
	return p.doubt(field, "Invalid search field for this query.", "invalid_field")
}

func (p *queryParser) doubt(field, message, code string) func(*facts) bool {
	p.warnings = append(p.warnings, warning{field, message, code})
	return matchAll
}

// timeTerm compares a time. A date alone is a whole day.
func (p *queryParser) timeTerm(field, op, value string) func(*facts) bool {
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
	return func(f *facts) bool {
		at := get(f)
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

var times = map[string]func(*facts) time.Time{
	"created_at":   func(f *facts) time.Time { return f.Created },
	"updated_at":   func(f *facts) time.Time { return f.Updated },
	"processed_at": func(f *facts) time.Time { return f.Processed },
}

var texts = map[string]func(f *facts, value string) bool{
	"name": func(f *facts, v string) bool {
		return strings.EqualFold(strings.TrimPrefix(f.Name, "#"), strings.TrimPrefix(v, "#"))
	},
	"email":            func(f *facts, v string) bool { return strings.EqualFold(f.Email, v) },
	"financial_status": func(f *facts, v string) bool { return v == "any" || strings.EqualFold(f.Financial, v) },
	"fulfillment_status": func(f *facts, v string) bool {
		return strings.EqualFold(cmp.Or(f.Fulfillment, "unfulfilled"), fulfillmentWords[v]) ||
			strings.EqualFold(cmp.Or(f.Fulfillment, "unfulfilled"), v)
	},
	"source_name": func(f *facts, v string) bool { return strings.EqualFold(f.Source, v) },
	"tag":         func(f *facts, v string) bool { return slices.Contains(strings.Split(f.Tags, ", "), v) },
	"status": func(f *facts, v string) bool {
		switch v {
		case "open":
			return f.Cancelled == nil && f.Closed == nil
		case "closed":
			return f.Closed != nil
		case "cancelled":
			return f.Cancelled != nil
		case "not_closed":
			return f.Closed == nil
		}
		return v == "any"
	},
}

var fulfillmentWords = map[string]string{"shipped": "fulfilled", "unshipped": "unfulfilled"}

// sortKey is what orders are sorted by; orders of one value are by id.
type sortKey string

// position is the place of an order in a sorted list.
type position struct {
	Value int64 `json:"v"`
	ID    int64 `json:"i"`
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.Value, q.Value), cmp.Compare(p.ID, q.ID))
}

func (k sortKey) position(f *facts) position {
	p := position{ID: f.ID}
	switch k {
	case "CREATED_AT":
		p.Value = f.Created.Unix()
	case "UPDATED_AT":
		p.Value = f.Updated.Unix()
	case "ORDER_NUMBER":
		p.Value = f.Number
	case "PROCESSED_AT":
		p.Value = f.Processed.Unix()
	}
	return p
}

// sortKeys are those that the twin can sort by. PROCESSED_AT is Shopify's default.
var sortKeys = []sortKey{"PROCESSED_AT", "CREATED_AT", "UPDATED_AT", "ORDER_NUMBER", "ID"}
