package store

import (
	"strconv"
	"strings"

	"bellhop"
)

// maxText bounds what is searched for.
const maxText = 200

// Search is what [OrderQuery] narrows a list of orders to: its text in lower
// case. Databases differ in what is upper and lower case, so that Go decides.
type Search struct {
	Want string // "" matches everything
	Bare string // Want as a name or number without its #
}

// ParseSearch refuses a query that can't be asked.
func ParseSearch(q OrderQuery) (Search, error) {
	if q.Handling != "" {
		if _, err := bellhop.ParseHandling(string(q.Handling)); err != nil {
			return Search{}, err
		}
	}
	if len(q.Text) > maxText {
		return Search{}, bellhop.Invalidf("q", "the text to search for has %d bytes: give at most %d", len(q.Text), maxText)
	}
	want := strings.ToLower(q.Text)
	return Search{Want: want, Bare: strings.TrimPrefix(want, "#")}, nil
}

// Matches reports whether an order is one of those searched for: by the
// beginning of its name, its number, or a part of the customer's name or
// address.
func (s Search) Matches(name string, number int64, customer, email string) bool {
	if s.Want == "" {
		return true
	}
	name = strings.ToLower(name)
	return strings.HasPrefix(name, s.Want) || s.Bare != "" && strings.HasPrefix(strings.TrimPrefix(name, "#"), s.Bare) ||
		strconv.FormatInt(number, 10) == s.Bare ||
		strings.Contains(strings.ToLower(customer), s.Want) || strings.Contains(strings.ToLower(email), s.Want)
}
