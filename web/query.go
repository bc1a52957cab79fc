package web

import (
	"encoding"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

// OrderFilter narrows a list of orders. It is the one table of its parameters: one more is a field,
// whose tags describe it to the API, and a line in Query. Those that are true or false are texts, so
// that one left out is neither.
type OrderFilter struct {
	Handling    string    `query:"handling" maxLength:"40" pattern:"^(new|seen|handled)(,(new|seen|handled))*$" patternDescription:"one of new, seen, handled, or several with commas" example:"new,seen" doc:"One of new, seen and handled, or several with commas."`
	Financial   string    `query:"financial_status" maxLength:"200" example:"pending,authorized" doc:"As Shopify says, one or several with commas: pending, authorized, partially_paid, paid, partially_refunded, refunded, voided or expired."`
	Fulfillment string    `query:"fulfillment_status" maxLength:"200" example:"unfulfilled" doc:"As Shopify says, one or several with commas: unfulfilled, partial, fulfilled or restocked."`
	Cancelled   string    `query:"cancelled" enum:"true,false" doc:"Only those that were cancelled, or only those that were not."`
	Test        string    `query:"test" enum:"true,false" doc:"Only tests, or only orders that are none."`
	Found       string    `query:"found" enum:"webhook,backfill,reconcile" doc:"What brought it first: a webhook, a backfill, or a later comparison with Shopify (trace.found)."`
	Tag         string    `query:"tag" maxLength:"200" example:"vip" doc:"One of its tags, whole: each character counts. Capitals and full or half width make no difference."`
	Since       time.Time `query:"since" doc:"Placed at or after."`
	Before      time.Time `query:"before" doc:"Placed before."`
	AtLeast     string    `query:"at_least" maxLength:"20" pattern:"^[0-9]+(\\.[0-9]+)?$" patternDescription:"an amount such as 100 or 49.90" example:"49.90" doc:"What it comes to now is this or more, in its own currency."`
	Q           string    `query:"q" maxLength:"200" doc:"Words, all of which it has in its name, number, tags, tracking numbers, its lines' titles and SKUs, or the customer's and the addresses' names, e-mail addresses and phone numbers. The beginning of a word is enough, and the last four digits of a phone or tracking number."`
	Sort        string    `query:"sort" enum:"placed,updated" doc:"By when it was placed (without this) or last updated, the newest first."`
}

// Query is the filter for the store, of one page.
func (f OrderFilter) Query(limit int, cursor string) store.OrderQuery {
	return store.OrderQuery{
		Limit: limit, Cursor: cursor, Handling: several[bellhop.Handling](f.Handling),
		Financial: several[string](f.Financial), Fulfillment: several[string](f.Fulfillment),
		Cancelled: f.Cancelled == "true", NotCancelled: f.Cancelled == "false",
		Test: f.Test == "true", NotTest: f.Test == "false", Found: f.Found, Tag: f.Tag, Since: f.Since,
		Before: f.Before, AtLeast: f.AtLeast, Text: f.Q, Sort: store.Sort(f.Sort),
	}
}

// several are a filter's values, which commas part.
func several[T ~string](text string) (all []T) {
	if text == "" {
		return nil
	}
	for v := range strings.SplitSeq(text, ",") {
		all = append(all, T(v))
	}
	return all
}

// ReadQuery reads a struct's fields from the parameters in their tags, as the API does by itself. The
// pairs of name and value are those that were given, for addresses of the same list. It knows tags of
// names, enums and patterns; the store checks the rest.
func ReadQuery(from url.Values, to any) (pairs []string, err error) {
	fields := reflect.ValueOf(to).Elem()
	for i := range fields.NumField() {
		tag := fields.Type().Field(i).Tag
		name := tag.Get("query")
		text := strings.TrimSpace(from.Get(name))
		if text == "" {
			continue
		}
		pairs = append(pairs, name, text)
		switch field := fields.Field(i).Addr().Interface().(type) {
		case *string:
			*field = text
			if all := tag.Get("enum"); all != "" && !slices.Contains(strings.Split(all, ","), text) {
				return nil, bellhop.Invalidf(name, "%s is one of %s", name, strings.ReplaceAll(all, ",", ", "))
			}
			if p := tag.Get("pattern"); p != "" && !regexp.MustCompile(p).MatchString(text) {
				return nil, bellhop.Invalidf(name, "%s is %s", name, tag.Get("patternDescription"))
			}
		case encoding.TextUnmarshaler:
			err = field.UnmarshalText([]byte(text))
		default:
			panic("a parameter of another type than these: " + name)
		}
		if err != nil {
			return nil, bellhop.Invalidf(name, "%s has an invalid value", name)
		}
	}
	return pairs, nil
}

// Each returns the shape of each of all.
func Each[T, U any](all []T, shape func(*T) U) []U {
	shapes := make([]U, len(all))
	for i := range all {
		shapes[i] = shape(&all[i])
	}
	return shapes
}
