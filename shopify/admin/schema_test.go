package admin_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/shopify/admin/schema"
)

// TestOperationsFitTheSchema holds each query against every version that Shopify still serves.
func TestOperationsFitTheSchema(t *testing.T) {
	for _, version := range []string{"2026-10", "2026-07", "2026-04"} {
		s, err := schema.Load(version)
		if err != nil {
			t.Fatal(err)
		}
		operations := admin.Operations()
		operations["OrderEvent"] = shopify.EventQuery(admin.WantedScopes)
		for name, text := range operations {
			doc, errs := gqlparser.LoadQueryWithRules(s, text, rules.NewDefaultRules())
			if len(errs) > 0 {
				t.Errorf("%s in %s: %v", name, version, errs)
				continue
			}
			if !strings.Contains(text, " "+name) {
				t.Errorf("%s has another name in its text", name)
			}
			for _, f := range deprecated(doc) {
				t.Errorf("%s asks in %s for %s, which is deprecated", name, version, f)
			}
		}
		if _, errs := gqlparser.LoadQueryWithRules(s, "{ shop { colour } }", rules.NewDefaultRules()); len(errs) == 0 {
			t.Errorf("%s takes what it doesn't have", version)
		}
		for _, topic := range shopify.Wanted() {
			enum := strings.ToUpper(strings.ReplaceAll(topic, "/", "_"))
			if s.Types["WebhookSubscriptionTopic"].EnumValues.ForName(enum) == nil {
				t.Errorf("%s has no topic %s", version, enum)
			}
		}
	}
	if len(admin.Operations()) < 18 {
		t.Error("operations are missing")
	}
}

// deprecated are the fields that a query asks for and that Shopify will take away.
func deprecated(doc *ast.QueryDocument) (fields []string) {
	var look func(ast.SelectionSet)
	look = func(set ast.SelectionSet) {
		for _, s := range set {
			switch s := s.(type) {
			case *ast.Field:
				if s.Definition.Directives.ForName("deprecated") != nil {
					fields = append(fields, s.ObjectDefinition.Name+"."+s.Name)
				}
				look(s.SelectionSet)
			case *ast.InlineFragment:
				look(s.SelectionSet)
			}
		}
	}
	for _, op := range doc.Operations {
		look(op.SelectionSet)
	}
	return fields
}

func TestSchemas(t *testing.T) {
	if got := schema.Versions(); !slices.Contains(got, admin.DefaultVersion) || got[0] < got[len(got)-1] {
		t.Errorf("there are %v", got)
	}
	for _, version := range []string{"", "2020-01", "../schema", "2026-10.graphql"} {
		if _, err := schema.Load(version); err == nil {
			t.Errorf("there is a schema of %q", version)
		}
	}
}
