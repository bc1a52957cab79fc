package shopify

import (
	stdjson "encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-json"
)

// failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// agree fails unless both decoders accept body, with the same result, or both
// refuse it. It returns 1 when they accept it.
func agree[T any](t failer, body []byte) int {
	t.Helper()
	var got, want T
	err, wantErr := json.Unmarshal(body, &got), stdjson.Unmarshal(body, &want)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%T from %.400q: error %v, encoding/json says %v", got, body, err, wantErr)
	}
	if err != nil {
		return 0
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%T from %.400q:\n%+v, encoding/json says\n%+v", got, body, got, want)
	}
	return 1
}

func agreeOnAll(t *testing.T, body []byte) {
	t.Helper()
	agree[orderRoot](t, body)
	agree[editRoot](t, body)
	agree[refund](t, body)
	agree[deletion](t, body)
}

// nasty are bodies at the borders of JSON's grammar and of what encoding/json
// makes of it.
func nasty() []string {
	within := func(n int, open, shut string) string {
		return `{"x":` + strings.Repeat(open, n) + "1" + strings.Repeat(shut, n) + `}`
	}
	return []string{
		``, ` `, `null`, "\r\n\t null ", `[]`, `1`, `"x"`, `true`, `{}`, "\ufeff{}", "\f{}", "{}\v", "{} \x00",
		"{\u00a0}", `{}{}`, `{},`, `{,}`,
		`{"id":1,}`, `{"id":1,,}`, `{"id" 1}`, `{id:1}`, `{'id':1}`, `{1:2}`, `{"":1}`, `/**/{}`, `{"id":1}//`,
		`{"id":1.0}`, `{"id":1e2}`, `{"id":-0}`, `{"id":01}`, `{"id":+1}`, `{"id":9223372036854775807}`,
		`{"id":9223372036854775808}`, `{"id":"1"}`,
		`{"x":-}`, `{"x":-01}`, `{"x":1.}`, `{"x":.5}`, `{"x":1E}`, `{"x":1E+}`, `{"x":1E+5}`, `{"x":1e400}`,
		`{"x":NaN}`, `{"x":-Infinity}`,
		`{"x":tru}`, `{"x":nul1}`, `{"x":truefalse}`, `{"x":nullnull}`, `{"x":True}`, `{"x":[1,]}`, `{"x":[1 2]}`,
		`{"x":[,]}`, `{"x":[}`, `{"x":{"y":]}`, `{"x":{"a" 1}}`,
		`{"x":"\q"}`, `{"x":"\'"}`, `{"x":"\u12"}`, `{"x":"\u00g0"}`, `{"x":"\`, `{"x":"\"}`, "{\"x\":\"\x01\"}",
		"{\"x\":\"\x7f\"}", "{\"x\":\"\xff\"}", "{\"\x01\":1}", `{"\x":1}`,
		`{"name":"\q"}`, "{\"name\":\"\t\"}", "{\"name\":\"a\xff\xe4\xb8b\xed\xa0\x80\"}",
		`{"name":"\ud83d\ude00\ud83d\ud83d\ude00\ude00\ud800x\u0000\/"}`, `{"name":"\ud83d\u"}`,
		"{\"name\":\"\u2028\"}",
		`{"ID":3}`, `{"Id":3,"id":4,"iD":5}`, `{"\u0069d":7}`, `{"te\u017ft":true}`, "{\"teſt\":true}",
		"{\"tax\":1,\"line_itemſ\":[{\"\u212aey\":1,\"ſku\":\"x\",\"s\u212au\":\"y\"}]}", "{\"i\xffd\":1}",
		`{"id":1,"id":2}`, `{"id":1,"id":null}`, `{"total_price":"1","total_price":null}`,
		`{"total_price":"1","total_price":2}`,
		`{"customer":{"first_name":"A"},"customer":{"last_name":"B"}}`,
		`{"customer":{"first_name":"A"},"customer":null}`,
		`{"line_items":[{"title":"A","price":1},{"title":"B"}],"line_items":[{"sku":"C"}]}`,
		`{"line_items":[{"title":"A"}],"line_items":null}`, `{"line_items":[{"title":"A"}],"line_items":[]}`,
		`{"line_items":[{"title":"A"},{"title":"B"}],"line_items":[{}],"LINE_ITEMS":[{},{},{}]}`,
		`{"line_items":[null,{"title":"z"}]}`, `{"line_items":{}}`, `{"line_items":["x"]}`, `{"line_items":[[]]}`,
		`{"customer":[]}`, `{"customer":"x"}`, `{"name":1}`, `{"name":[]}`, `{"name":{}}`, `{"test":1}`,
		`{"test":"true"}`,
		`{"total_price":1.50 }`, `{"total_price": "1\u0030"}`, `{"total_price":"\ud800"}`, "{\"total_price\":\"\xff\"}",
		`{"total_price":{"a":[1, 2 ]}}`, `{"total_price":tru}`, `{"total_price":01}`, `{"total_price":""}`,
		`{"total_price":[}`,
		`{"total_price_set":{"shop_money":{"amount":1,"currency_code":"USD"},"presentment_money":null}}`,
		`{"order":{"id":5,"customer":{"first_name":"x"}},"id":2}`, `{"order":null}`, `{"order":5}`,
		`{"id":1,"order":{"id":}}`, `{"Order":{"ID":1}}`,
		`{"order_edit":{"id":1,"order_id":2,"committed_at":null}}`, `{"order_edit":[]}`,
		`{"order_id":1,"created_at":5}`,
		within(9998, "[", "]"), within(9999, "[", "]"), within(10000, "[", "]"), within(9999, `{"a":`, "}"),
		within(10000, `{"a":`, "}"), within(5000, `[{"a":`, "}]"),
		`{"total_price":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`, `{"total_price":` +
			strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`,
	}
}

func bodies(t testing.TB) [][]byte {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bodies in testdata: %v", err)
	}
	all := make([][]byte, len(files))
	for i, file := range files {
		if all[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestDecoderAgreesWithEncodingJSON(t *testing.T) {
	for _, body := range nasty() {
		agreeOnAll(t, []byte(body))
	}
	for _, body := range bodies(t) {
		agreeOnAll(t, body)
	}
}

// Every body cut off at each byte, and with each byte spoilt.
func TestDecoderAgreesOnSpoiltBodies(t *testing.T) {
	for _, body := range bodies(t) {
		if len(body) > 512 {
			continue
		}
		for i := range body {
			agreeOnAll(t, body[:i])
			for _, c := range []byte("\x00\"\\{}[]:,0-n\xff") {
				spoilt := append([]byte(nil), body...)
				spoilt[i] = c
				agreeOnAll(t, spoilt)
			}
		}
	}
}

func FuzzDecodeAgainstEncodingJSON(f *testing.F) {
	for _, body := range nasty() {
		if len(body) < 1<<10 {
			f.Add([]byte(body))
		}
	}
	for _, body := range bodies(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) { agreeOnAll(t, body) })
}
