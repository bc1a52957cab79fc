package shopify_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bellhop"
	"bellhop/shopify"
)

// essential fields make an order. Its resource shows whether it is one.
var essential = []string{"id", "total_price", "currency", "line_items", "admin_graphql_api_id"}

// member is where a field stands in a body: keys, and indexes as numbers.
type member []string

func (m member) String() string { return strings.Join(m, ".") }

// general is a member without indexes.
func general(s string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(s, "."), func(k string) bool {
		_, err := strconv.Atoi(k)
		return err == nil
	}), ".")
}

// orderBodies are those of Shopify's samples, bare.
func orderBodies(t testing.TB) (all [][]byte) {
	files, err := filepath.Glob("testdata/*.v20*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		body := read(t, file)
		var root map[string]json.RawMessage
		if err := json.Unmarshal(body, &root); err != nil {
			t.Fatal(err)
		}
		if root["order"] != nil {
			body = root["order"]
		} else if root["line_items"] == nil {
			continue
		}
		all = append(all, body)
	}
	if len(all) < 5 {
		t.Fatalf("only %d orders in testdata", len(all))
	}
	return all
}

func tree(t failer, body []byte) (root any) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&root); err != nil {
		t.Fatalf("%v", err)
	}
	return root
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// members lists the fields of a body that could be of a wrong type. A property may have any value.
func members(v any, at member) (all []member) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			m := append(slices.Clone(at), key)
			free := slices.Contains(at, "properties") || slices.Contains(at, "note_attributes") ||
				key == "product_id" || key == "variant_id"
			if !free && (len(at) > 0 || !slices.Contains(essential, key)) {
				all = append(all, m)
			}
			all = append(all, members(value, m)...)
		}
	case []any:
		for i, value := range v {
			all = append(all, members(value, append(slices.Clone(at), strconv.Itoa(i)))...)
		}
	}
	return all
}

// replace sets a field of a tree, unless what it stands in was replaced.
func replace(v any, m member, with func(any) any) {
	switch v := v.(type) {
	case map[string]any:
		if len(m) == 1 {
			v[m[0]] = with(v[m[0]])
		} else {
			replace(v[m[0]], m[1:], with)
		}
	case []any:
		if i, err := strconv.Atoi(m[0]); err == nil {
			replace(v[i], m[1:], with)
		}
	}
}

func null(any) any { return nil }

// wrong is of no type that a field takes.
func wrong(was any) any {
	o, ok := was.(map[string]any)
	if _, twice := o["wrong"]; ok && !twice || was == "wrong" {
		return "wrong"
	}
	return map[string]any{"wrong": []int{1}}
}

// contents decodes a tree, and sets apart what could not be read.
func contents(t failer, root any) (o *bellhop.Order, unread []string) {
	t.Helper()
	body, err := json.Marshal(root)
	if err != nil {
		t.Fatalf("%v", err)
	}
	f, err := shopify.Decode(event("orders/create", body))
	if err != nil {
		t.Fatalf("a dead letter: %v", err)
	}
	o, unread = f.Order, f.Order.Unread
	o.Version.Hash, o.Unread, o.Unsaid = 0, nil, nil
	signed(&o.History, 0)
	return o, unread
}

// differences words how two orders differ. Only a difference is for cmp, which takes ten times as long.
func differences(a, b *bellhop.Order) string {
	if reflect.DeepEqual(a, b) {
		return ""
	}
	return cmp.Diff(a, b)
}

// TestSpoiltFields gives every field of every sample a wrong type, one by one: it costs no order, the
// order is as without the field, and names it if it would have said anything.
func TestSpoiltFields(t *testing.T) {
	for _, body := range orderBodies(t) {
		whole, _ := contents(t, tree(t, body))
		for _, m := range members(tree(t, body), nil) {
			without, spoilt := tree(t, body), tree(t, body)
			replace(without, m, null)
			replace(spoilt, m, wrong)
			left, _ := contents(t, without)
			got, unread := contents(t, spoilt)
			if diff := differences(left, got); diff != "" {
				t.Errorf("%s: not as without it (-without +spoilt):\n%s", m, diff)
			}
			named := slices.ContainsFunc(unread, func(u string) bool {
				return strings.HasPrefix(general(m.String())+".", general(u)+".")
			})
			if !named && differences(whole, left) != "" {
				t.Errorf("%s is left out without a word: %v", m, unread)
			}
		}
	}
}

// spoiltFields spoils many fields at once.
func spoiltFields(bodies [][]byte) func(*rapid.T) {
	return func(t *rapid.T) {
		body := bodies[rapid.IntRange(0, len(bodies)-1).Draw(t, "body")]
		without, spoilt := tree(t, body), tree(t, body)
		all := members(tree(t, body), nil)
		slices.SortFunc(all, slices.Compare)
		for range rapid.IntRange(1, 200).Draw(t, "fields") {
			m := rapid.SampledFrom(all).Draw(t, "field")
			replace(without, m, null)
			replace(spoilt, m, wrong)
		}
		left, _ := contents(t, without)
		got, unread := contents(t, spoilt)
		if diff := differences(left, got); diff != "" {
			t.Fatalf("not as without them (-without +spoilt):\n%s", diff)
		}
		whole, _ := contents(t, tree(t, body))
		if len(unread) > 50 || len(unread) == 0 && differences(whole, left) != "" {
			t.Fatalf("%d fields are named", len(unread))
		}
	}
}

func TestManySpoiltFields(t *testing.T) { rapid.Check(t, spoiltFields(orderBodies(t))) }

func FuzzSpoiltFields(f *testing.F) { f.Fuzz(rapid.MakeFuzz(spoiltFields(orderBodies(f)))) }

// What makes an order is another matter: its want is permanent, and named.
func TestSpoiltEssentials(t *testing.T) {
	for _, body := range orderBodies(t) {
		for _, name := range essential[:4] {
			missing, spoilt := tree(t, body), tree(t, body)
			delete(missing.(map[string]any), name)
			for _, other := range []string{"total_price_set", "current_total_price"} { // would say it, too
				delete(missing.(map[string]any), other)
			}
			replace(spoilt, member{name}, wrong)
			for _, root := range []any{missing, spoilt} {
				text, err := json.Marshal(root)
				if err != nil {
					t.Fatal(err)
				}
				f, err := shopify.Decode(event("orders/create", text))
				if slices.Contains(f.Lacks, name) { // it is a notice
					continue
				}
				if !bellhop.IsPermanent(err) || !strings.HasPrefix(err.Error(), name+" ") {
					t.Errorf("%s: the error is %v", name, err)
				}
			}
		}
	}
}
