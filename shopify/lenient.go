package shopify

import (
	stdjson "encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// maxUnread bounds how many unreadable fields an order names.
const maxUnread = 50

// fit reads a body field by field, and leaves out every value that has the wrong type. It returns
// their names. Its caller has found that the body as a whole does not fit; the body is JSON.
func fit(body []byte, v any) (unread []string) {
	f := fitting{}
	f.value("", body, reflect.ValueOf(v).Elem())
	return f.unread
}

type fitting struct{ unread []string }

func (f *fitting) value(path string, raw stdjson.RawMessage, v reflect.Value) {
	fresh := reflect.New(v.Type())
	if stdjson.Unmarshal(raw, fresh.Interface()) == nil {
		v.Set(fresh.Elem())
		return
	}
	to := v
	if v.Kind() == reflect.Pointer {
		to = reflect.New(v.Type().Elem()).Elem()
	}
	switch {
	case to.Kind() == reflect.Struct && f.object(path, raw, to):
		if v.Kind() == reflect.Pointer {
			v.Set(to.Addr())
		}
	case to.Kind() == reflect.Slice && f.list(path, raw, to):
	case len(f.unread) < maxUnread:
		f.unread = append(f.unread, path)
	}
}

func (f *fitting) object(path string, raw stdjson.RawMessage, v reflect.Value) bool {
	var members map[string]stdjson.RawMessage
	if stdjson.Unmarshal(raw, &members) != nil {
		return false
	}
	for key, raw := range members { // encoding/json takes a key in other capitals, too
		if folded := fold(key); members[folded] == nil {
			members[folded] = raw
		}
	}
	for _, field := range reflect.VisibleFields(v.Type()) {
		name := field.Tag.Get("json")
		if field.Anonymous || name == "" {
			continue
		}
		raw := members[name]
		if raw == nil {
			raw = members[fold(name)]
		}
		if raw != nil {
			f.value(strings.TrimPrefix(path+"."+name, "."), raw, v.FieldByIndex(field.Index))
		}
	}
	return true
}

// fold makes texts the same that strings.EqualFold takes for equal.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

func (f *fitting) list(path string, raw stdjson.RawMessage, v reflect.Value) bool {
	var elements []stdjson.RawMessage
	if stdjson.Unmarshal(raw, &elements) != nil {
		return false
	}
	elements = elements[:min(len(elements), maxItems)]
	v.Set(reflect.MakeSlice(v.Type(), len(elements), len(elements)))
	for i, raw := range elements {
		f.value(path+"."+strconv.Itoa(i), raw, v.Index(i))
	}
	return true
}
