package rules_test

import (
	"testing"
	"time"

	"bellhop"
	"bellhop/store/rules"
)

// TestPlanDeadKeepsNothingUnchecked: the true delivery may follow under the same id, and a replay must not find what
// nobody checked.
func TestPlanDeadKeepsNothingUnchecked(t *testing.T) {
	for signer, kept := range map[bellhop.Signer]bool{bellhop.SignerApp: true, bellhop.Unchecked("sum"): false,
		bellhop.Unchecked(""): false} {
		e := &bellhop.Event{Shop: "demo.myshopify.com", SignedBy: signer, Body: []byte("{}")}
		line := rules.PlanDead(e, rules.StoredLine{}, true, false, "wrong", time.Now()).Lines[0]
		if (len(line.Event.Body) > 0) != kept || (line.Event.SignedBy == signer) != kept || line.Event.Shop != e.Shop {
			t.Errorf("signed by %q: %+v", signer, line.Event)
		}
		if e.SignedBy != signer || len(e.Body) == 0 {
			t.Errorf("it changed the caller's event: %+v", e)
		}
	}
}
