package driver_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/store/driver"
)

func TestDetails(t *testing.T) {
	home, office := bellhop.Address{Name: "Ann \x00\\u0000", City: "X"}, bellhop.Address{Name: "Ann", City: "Y"}
	for name, d := range map[string]bellhop.Details{
		"none":          {},
		"two addresses": {Schema: 1, Billing: &home, Shipping: &office},
		"one address":   {Schema: 1, Billing: &home, Shipping: &home, Items: []bellhop.Item{}},
		"only billing":  {Schema: 1, Billing: &home},
		"only shipping": {Schema: 1, Shipping: &office},
	} {
		kept := driver.WriteDetails(&d)
		got, err := driver.ReadDetails(kept)
		want := d
		if want.Billing == &home { // PostgreSQL knows no NUL
			mended := home
			mended.Name = "Ann \uFFFD\\u0000"
			want.Billing = &mended
			if want.Shipping == &home {
				want.Shipping = &mended
			}
		}
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %v, %s", name, err, cmp.Diff(want, got))
		}
		if n := strings.Count(kept, `"city"`); n > 2 || name == "one address" && n != 1 {
			t.Errorf("%s is kept as %s", name, kept)
		}
	}
	if _, err := driver.ReadDetails("{"); err == nil {
		t.Error("a damaged document was read")
	}
}
