package prices

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"bellhop"
)

func TestEachPriceHasItsSource(t *testing.T) {
	all := Today().all()
	if len(all) != 27 {
		t.Errorf("%d prices", len(all))
	}
	for name, p := range all {
		if p.Dollars <= 0 || !strings.Contains(p.Source, "https://") || !strings.Contains(p.Source, "202") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestFreeUnits(t *testing.T) {
	p := Price{Dollars: 2, Free: 10}
	for n, want := range map[float64]float64{0: 0, 10: 0, 11: 2, 20: 20} {
		if got := p.Of(n); got != want {
			t.Errorf("%v units cost %v, not %v", n, got, want)
		}
	}
	if got := Today().WithoutFree().LambdaRequest.Of(1e6); got < 0.19 || got > 0.21 {
		t.Errorf("without what is free a million invocations cost %v", got)
	}
}

// TestReadRefuses changes the file in one place each.
func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ name, path, value, says string }{
		{"no JSON", "", "", "can't be read"},
		{"unknown", "sqs_requests", `{}`, "unknown field"},
		{"no day", "as_of", `"today"`, "as_of must be the day"},
		{"no region", "region", `""`, "region is missing"},
		{"missing", "vm_month", `{}`, "vm_month: is missing"},
		{"no unit", "vm_month", `{"dollars": 5, "source": "a bill"}`, "vm_month: unit is missing"},
		{"no source", "vm_month", `{"dollars": 5, "unit": "VM"}`, "vm_month: source is missing"},
		{"below nothing", "vm_month", `{"dollars": -5, "unit": "VM", "source": "a bill"}`, "vm_month: dollars"},
		{"free below nothing", "vm_month", `{"dollars": 5, "free_a_month": -1, "unit": "VM", "source": "a bill"}`, "vm_month: dollars"},
		{"no number", "vm_month", `{"dollars": "5"}`, "can't be read"},
	} {
		text := []byte("{")
		if c.path != "" {
			all := map[string]json.RawMessage{}
			if err := json.Unmarshal(Default(), &all); err != nil {
				t.Fatal(err)
			}
			all[c.path] = json.RawMessage(c.value)
			text, _ = json.Marshal(all)
		}
		_, err := Read(bytes.NewReader(text))
		if bellhop.KindOf(err) != bellhop.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
