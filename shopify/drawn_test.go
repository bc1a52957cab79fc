package shopify

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// document draws JSON that mostly fits a type: its keys in every spelling, more
// than once, with null and now and then a wrong value. Random bytes seldom get
// there.
type document struct {
	t *rapid.T
	b strings.Builder
}

func (d *document) pick(name string, from ...string) string {
	return rapid.SampledFrom(from).Draw(d.t, name)
}

func (d *document) write(name string, from ...string) { d.b.WriteString(d.pick(name, from...)) }

func (d *document) value(t reflect.Type) {
	if rapid.IntRange(0, 7).Draw(d.t, "null") == 0 {
		d.b.WriteString("null")
		return
	}
	if rapid.IntRange(0, 99).Draw(d.t, "any") == 0 {
		d.write("any", `1`, `"1"`, `true`, `[]`, `{}`, `{"id":1}`, `[{}]`, `nul`, `01`, `"\x"`)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		d.object(t)
	case reflect.Slice:
		d.sequence("[", "]", func() { d.value(t.Elem()) })
	case reflect.Bool:
		d.write("bool", "true", "false")
	case reflect.Int64:
		d.write("number", "0", "-0", "7", "820982911946154508", "9223372036854775807")
	default:
		d.text(t)
	}
}

func (d *document) text(t reflect.Type) {
	if t == reflect.TypeFor[amount]() && rapid.Bool().Draw(d.t, "bare") {
		d.write("amount", "0", "19.90", "1e3", "-5.5E-2", "[ 1,2 ]", `{"a" :1}`)
		return
	}
	d.write("text", `""`, `"a"`, `"19.90"`, `"\/\n"`, `"\ud83d\ude00"`, `"\ud83d"`, `"é架"`, "\"\xff\"", `"1\u0030"`,
		`"\u0000"`)
}

func (d *document) object(t reflect.Type) {
	fields := reflect.VisibleFields(t)
	d.sequence("{", "}", func() {
		f := rapid.SampledFrom(fields).Draw(d.t, "field")
		if f.Anonymous {
			d.b.WriteString(`"unknown":`)
			d.write("skipped", `1.5e+3`, `{"id":[1,{"a":null}]}`, `[[],"\u00e9"]`, `false`)
			return
		}
		d.b.WriteString(`"` + d.spelling(f.Tag.Get("json")) + `"` + d.space() + ":" + d.space())
		d.value(f.Type)
	})
}

func (d *document) sequence(open, shut string, element func()) {
	d.b.WriteString(open + d.space())
	for i := range rapid.IntRange(0, 8).Draw(d.t, "length") {
		if i > 0 {
			d.b.WriteString("," + d.space())
		}
		element()
		d.b.WriteString(d.space())
	}
	d.b.WriteString(shut)
}

func (d *document) spelling(key string) string {
	switch d.pick("spelling", "as it is", "as it is", "as it is", "capitals", "title", "long s", "escaped", "other") {
	case "capitals":
		return strings.ToUpper(key)
	case "title":
		return strings.ToUpper(key[:1]) + key[1:]
	case "long s":
		return strings.ReplaceAll(key, "s", "ſ")
	case "escaped":
		return strings.ReplaceAll(key, "i", `\u0069`)
	case "other":
		return key + d.pick("rest", "_set", "x", "é", `\"`)
	}
	return key
}

func (d *document) space() string { return d.pick("space", "", "", "", " ", "\n\t") }

func TestDecoderAgreesOnDrawnBodies(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		d := &document{t: t}
		switch d.pick("root", "order", "order", "edit", "refund") {
		case "order":
			d.object(reflect.TypeFor[orderRoot]())
			accepted += agree[orderRoot](t, []byte(d.b.String()))
		case "edit":
			d.object(reflect.TypeFor[editRoot]())
			accepted += agree[editRoot](t, []byte(d.b.String()))
		case "refund":
			d.object(reflect.TypeFor[refund]())
			accepted += agree[refund](t, []byte(d.b.String()))
		}
	})
	if accepted == 0 {
		t.Error("no body was accepted, so that nothing was compared")
	}
	t.Logf("%d accepted", accepted)
}
