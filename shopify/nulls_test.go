package shopify_test

import (
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/shopify/admin/schema"
)

// TestEventNulls puts a null into each place of a whole Event: where Shopify's schema allows none, the Event is a
// notice; elsewhere it is the order.
func TestEventNulls(t *testing.T) {
	for _, version := range schema.Versions() {
		s, err := schema.Load(version)
		if err != nil {
			t.Fatal(err)
		}
		doc, errs := gqlparser.LoadQueryWithRules(s, shopify.EventQuery(admin.WantedScopes), rules.NewDefaultRules())
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		n := nulls{T: t, event: wholeEvent(t, "update"), tried: map[string]bool{}}
		n.in(n.event["data"], "", doc.Operations[0].SelectionSet)
		if len(n.tried) < 200 {
			t.Errorf("%s: only %d places were tried", version, len(n.tried))
		}
	}
}

type nulls struct {
	*testing.T
	event jsonObject
	tried map[string]bool // by path
}

// in tries each field that the query selects of a value.
func (n *nulls) in(value any, path string, set ast.SelectionSet) {
	if list, ok := value.([]any); ok {
		for i, element := range list {
			n.in(element, path, set)
			list[i] = nil
			n.check(path+" of an element", true)
			list[i] = element
		}
		return
	}
	object, ok := value.(jsonObject)
	if !ok || len(object) == 0 {
		return
	}
	for _, s := range set {
		switch s := s.(type) {
		case *ast.InlineFragment:
			n.in(object, path, s.SelectionSet)
		case *ast.Field:
			below := path + "." + s.Name
			value, ok := object[s.Name]
			if !ok { // what the query leaves out
				continue
			}
			n.in(value, below, s.SelectionSet)
			object[s.Name] = nil
			n.check(below, s.Definition.Type.NonNull)
			object[s.Name] = value
		}
	}
}

// check decodes the Event as it is now.
func (n *nulls) check(path string, lacks bool) {
	n.Helper()
	if n.tried[path] || path == ".order" { // an order that is null is one that is gone
		return
	}
	n.tried[path] = true
	f, err := shopify.Decode(event(shopify.TopicEventUpdate, encoded(n, n.event)))
	if err != nil || (len(f.Lacks) > 0) != lacks || (f.Order == nil) != lacks {
		n.Errorf("null of %s: it lacks %v, %v", path, f.Lacks, err)
	}
}
