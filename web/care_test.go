package web

import (
	"fmt"
	"testing"
	"time"

	"bellhop"
	"bellhop/connect"
)

// TestAShopLeavesPlacesToOthers: whoever presses a button again and again waits, and nobody else does.
func TestAShopLeavesPlacesToOthers(t *testing.T) {
	at := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	c := NewCare(&connect.Connector{}, func() time.Time { return at })
	var ends []func()
	begin := func(shop string) error {
		_, done, err := c.Begin(t.Context(), shop)
		if err == nil {
			ends = append(ends, done)
		}
		return err
	}
	refused := 0
	for range careBurst {
		if bellhop.KindOf(begin("greedy.myshopify.com")) == bellhop.RateLimited {
			refused++
		}
	}
	if refused != careBurst-carePerShop {
		t.Errorf("%d of %d questions of a shop at once were refused", refused, careBurst)
	}
	for n := range carePlaces - carePerShop {
		if err := begin(fmt.Sprint("shop", n, ".myshopify.com")); err != nil {
			t.Errorf("another shop's: %v", err)
		}
	}
	if err := begin("late.myshopify.com"); bellhop.KindOf(err) != bellhop.RateLimited {
		t.Errorf("beyond all places: %v", err)
	}
	for _, end := range ends {
		end()
	}
	if err := begin("late.myshopify.com"); err != nil || len(c.asking) != 1 {
		t.Errorf("when they are over: %v, %v ask", err, c.asking)
	}
}
