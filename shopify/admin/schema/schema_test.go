package schema_test

import (
	"slices"
	"testing"

	"bellhop/shopify/admin/schema"
)

func TestEachVersionLoads(t *testing.T) {
	versions := schema.Versions()
	if !slices.Equal(versions, []string{"2026-10", "2026-07", "2026-04"}) {
		t.Errorf("the versions are %v", versions)
	}
	for _, v := range versions {
		s, err := schema.Load(v)
		if err != nil || s.Query.Fields.ForName("orders") == nil || s.Mutation == nil {
			t.Errorf("%s: %v", v, err)
		}
	}
	if _, err := schema.Load("2020-01"); err == nil {
		t.Error("a version without a schema loads")
	}
}
