package web

import (
	"encoding"
	"net/url"
	"reflect"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

// OrderFilter narrows a list of orders. It is the one table of its parameters: one more is a field,
// whose tags describe it to the API, and a line in Query.
type OrderFilter struct {
	Handling string    `query:"handling" enum:"new,seen,handled"`
	Q        string    `query:"q" maxLength:"200" doc:"In the name, the number, or the customer's name or e-mail address."`
	Since    time.Time `query:"since" doc:"Placed at or after."`
}

// Query is the filter for the store, of one page.
func (f OrderFilter) Query(limit int, cursor string) store.OrderQuery {
	return store.OrderQuery{
		Limit: limit, Cursor: cursor, Handling: bellhop.Handling(f.Handling), Text: f.Q, Since: f.Since,
	}
}

// ReadQuery reads a struct's fields from the parameters in their tags, as the API does by itself. The
// pairs of name and value are those that were given, for addresses of the same list.
func ReadQuery(from url.Values, to any) (pairs []string, err error) {
	fields := reflect.ValueOf(to).Elem()
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Tag.Get("query")
		text := strings.TrimSpace(from.Get(name))
		if text == "" {
			continue
		}
		pairs = append(pairs, name, text)
		switch field := fields.Field(i).Addr().Interface().(type) {
		case *string:
			*field = text
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
