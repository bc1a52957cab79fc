package move_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/move"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// derived are fields that an export leaves empty.
var derived = map[string]bool{
	"Orders.Order.Shop": true, "Orders.Order.ID": true, "Orders.Order.Version": true, "Orders.Order.EditedAt": true,
	"Orders.Order.RefundedAt": true, "Orders.Order.Trace.PushedAt": true, "Orders.Order.Pushes": true,
	"Orders.Order.History": true, "Orders.State.Paid": true, "Orders.State.Cancelled": true,
	"Events.Event.TraceParent": true,
	"Pushes.Push.OrderName":    true, "Pushes.Push.Installation": true, "Pushes.Push.AcceptedAt": true,
	"Relays.Holder": true,
	"Relays.Until":  true,
}

// TestSumSeesEveryField makes a row of each kind and changes one field after the other, so
// that nobody forgets a new field.
func TestSumSeesEveryField(t *testing.T) {
	var c move.Chunk
	n := 0
	sum := func() (s move.Sum) { s.Add(&c); return s }
	rows := reflect.ValueOf(&c).Elem()
	for i := range rows.NumField() {
		rows.Field(i).Set(reflect.MakeSlice(rows.Field(i).Type(), 1, 1))
		leaves(rows.Type().Field(i).Name, rows.Field(i).Index(0), func(string, reflect.Value) {})
		leaves(rows.Type().Field(i).Name, rows.Field(i).Index(0), func(path string, v reflect.Value) {
			n++
			was := sum()
			change(v, n)
			if is := sum(); is == was {
				t.Errorf("%s makes no difference", path)
			}
		})
	}
	if n < 140 {
		t.Errorf("only %d fields were changed", n)
	}
}

// leaves calls fn with each field that holds no other ones, and makes the values of
// pointers.
func leaves(path string, v reflect.Value, fn func(string, reflect.Value)) {
	if derived[path] {
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Time](), v.Type() == reflect.TypeFor[bellhop.Money]():
		fn(path, v)
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		leaves(path, v.Elem(), fn)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			leaves(path+"."+v.Type().Field(i).Name, v.Field(i), fn)
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		leaves(path, v.Index(0), fn)
	default:
		fn(path, v)
	}
}

func change(v reflect.Value, n int) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon.Add(time.Duration(n) * time.Microsecond)))
	case v.Type() == reflect.TypeFor[bellhop.Money]():
		v.Set(reflect.ValueOf(bellhop.Money{Units: int64(n), Digits: 2, Currency: "USD"}))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("text ", n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(n))
	case v.CanUint():
		v.SetUint(uint64(n))
	case v.CanFloat():
		v.SetFloat(float64(n))
	case v.Kind() == reflect.Array:
		v.Index(0).SetUint(uint64(n))
	case v.Kind() == reflect.Slice:
		v.SetBytes([]byte(fmt.Sprint(n)))
	default:
		panic("a field of a new kind: " + v.Type().String())
	}
}

func TestSum(t *testing.T) {
	a, b := store.Change{Seq: 1, At: noon}, store.Change{Seq: 2, At: noon}
	of := func(changes ...store.Change) (s move.Sum) {
		for _, c := range changes {
			s.Add(&move.Chunk{Changes: []store.Change{c}})
		}
		return s
	}
	var together move.Sum
	together.Add(&move.Chunk{Changes: []store.Change{b, a}})
	if of(a, b) != together || of(a, b).String() == of(a).String() || len(together.String()) != 64 {
		t.Errorf("%s and %s, by themselves %s and %s", of(a, b), together, of(a), of(b))
	}
	if of(a, a) == of() || of(a, a) == of(a) || of(a, a) == of(b, b) {
		t.Error("rows that are there twice are not counted twice")
	}
	text := func(s string) (sum move.Sum) {
		sum.Add(&move.Chunk{Shops: []bellhop.Shop{{Domain: s}}})
		return sum
	}
	if text("a\x00\xff\xfe") != text("a\uFFFD\uFFFD") || text("a") == text("b") {
		t.Error("texts that one database can't store as another does are compared wrongly")
	}
	body := func(b []byte) (sum move.Sum) {
		sum.Add(&move.Chunk{Events: []store.Line{{Event: bellhop.Event{Body: b}}}})
		return sum
	}
	if body(nil) == body([]byte{}) {
		t.Error("a body that was dropped is taken for an empty one")
	}
}
