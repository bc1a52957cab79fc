package main

import (
	"encoding/json"
	"strings"
	"testing"

	"bellhop"
)

// TestOnlyMigrateNeedsTheKey seals the secret of a shop, as a server does. Functions that read no secret go on without
// the key; migrate, which copies them, says that it is missing, and copies them with it.
func TestOnlyMigrateNeedsTheKey(t *testing.T) {
	const own = "a secret of its own"
	s := newStack(t, 1)
	if err := s.store.UpdateShop(t.Context(), s.shops[0], func(s *bellhop.Shop) { s.Secret = own }); err != nil {
		t.Fatal(err)
	}

	var recorded map[string]any
	r := s.invoke("record", s.anOrder(1, ""))
	if err := json.Unmarshal(r.Payload, &recorded); err != nil || recorded["pushes"] != 1.0 {
		t.Fatalf("record without the key: %s, %v", r.Payload, r.Err())
	}
	if got := s.invoke("notify", recorded); string(got.Payload) != `{"sent":1,"failed":0,"left":0}` {
		t.Errorf("notify without the key: %s, %v", got.Payload, got.Err())
	}
	s.add("migrate", "BELLHOP_KEY_ARN=")
	for _, in := range []map[string]any{{}, {"shop_secrets": map[string]string{"new.myshopify.com": own}}} {
		if err := s.invoke("migrate", in).Err(); err == nil || !strings.Contains(err.Error(), "BELLHOP_KEY") {
			t.Errorf("migrate of %v without the key: %v", in, err)
		}
	}
	s.add("migrate")
	s.call("migrate", map[string]any{})
	if shared, _ := s.vault.get("shops"); !strings.Contains(shared, own) {
		t.Error("migrate has not copied the shop's secret")
	}
	s.log.noSecrets(t, own, s.where.Key)
}
