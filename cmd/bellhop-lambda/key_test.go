package main

import (
	"encoding/json"
	"strings"
	"testing"

	"bellhop"
	"bellhop/store/sealed"
)

// TestOnlyMigrateNeedsTheKey seals the secret of a shop, as a server with a key does. Functions that read no secret go
// on without the key; migrate, which copies them, says that it is missing, and copies them with it.
func TestOnlyMigrateNeedsTheKey(t *testing.T) {
	const own = "a secret of its own"
	s := newStack(t, 1)
	text := sealed.MakeKey()
	key, err := sealed.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	with, err := sealed.Open(t.Context(), s.store, sealed.Keys{key})
	if err != nil {
		t.Fatal(err)
	}
	if err := with.UpdateShop(t.Context(), s.shops[0], func(s *bellhop.Shop) { s.Secret = own }); err != nil {
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
	if err := s.invoke("migrate", map[string]any{}).Err(); err == nil || !strings.Contains(err.Error(), "BELLHOP_KEY") {
		t.Errorf("migrate without the key: %v", err)
	}
	s.vault.put("key", text)
	s.add("migrate", "BELLHOP_KEY_ARN=key")
	s.call("migrate", map[string]any{})
	if shared, _ := s.vault.get("shops"); !strings.Contains(shared, own) {
		t.Error("migrate has not copied the shop's secret")
	}
	s.log.noSecrets(t, own, text)
}
