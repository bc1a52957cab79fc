package admin_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
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
		for name, text := range admin.Operations() {
			if _, errs := gqlparser.LoadQueryWithRules(s, text, rules.NewDefaultRules()); len(errs) > 0 {
				t.Errorf("%s in %s: %v", name, version, errs)
			}
			if !strings.Contains(text, " "+name) {
				t.Errorf("%s has another name in its text", name)
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
	if len(admin.Operations()) < 5 {
		t.Error("operations are missing")
	}
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
