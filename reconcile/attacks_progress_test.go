package reconcile_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop/simulate/shop"
)

// TestManyOrdersInASecond: steps that are too short for a second's orders come to an end.
func TestManyOrdersInASecond(t *testing.T) {
	r := ready(t)
	r.orders(demo, 60)
	r.run(20 * time.Second)
	r.clock.set(start.Add(21 * time.Hour))
	r.Reconciler.Step = time.Nanosecond
	r.until(10*time.Minute, "the nightly sweep ends", func() bool { return !r.state(demo).SweptAt.IsZero() })
	if n := r.calls["FetchOrders"]; n > 10 {
		t.Errorf("%d requests for whole orders", n)
	}
}

// TestOneOrderThatIsNeverListed: looks go back for it for a day, and no longer.
func TestOneOrderThatIsNeverListed(t *testing.T) {
	r := ready(t)
	id := r.orders(demo, 1)[0]
	made := r.clock.Now()
	node := regexp.MustCompile(`\{[^{}]*Order/` + strconv.FormatInt(id, 10) + `"[^{}]*\},?`)
	r.asked = func(req *http.Request) *http.Response {
		if body := asks(req); !strings.Contains(body, `"operationName":"OrderHeads"`) {
			return nil
		}
		return r.says(req, func(body string) string {
			return strings.ReplaceAll(node.ReplaceAllString(body, ""), "},]", "}]")
		})
	}
	r.until(time.Hour, "it is named", func() bool { return r.state(demo).Reason == "index_behind" })
	if to := r.state(demo).LookedTo; to.After(made) {
		t.Errorf("looks begin at %v behind an order of %v", to, made)
	}
	r.clock.set(made.Add(24*time.Hour + time.Minute))
	r.until(time.Hour, "looks go on", func() bool { return r.clock.Now().Sub(r.state(demo).LookedTo) < time.Hour })
	if want := fmt.Sprint("order=", id); !strings.Contains(r.log.String(), "looks go on without it") ||
		!strings.Contains(r.log.String(), want) {
		t.Errorf("the log lacks %s", want)
	}
}

// TestAnOrderThatAlwaysChanges is tried again later from time to time, whatever list has it.
func TestAnOrderThatAlwaysChanges(t *testing.T) {
	r := ready(t)
	r.faults(demo, shop.Faults{Dropped: 1})
	id, changes, tries := r.orders(demo, 1)[0], 0, 0
	at := regexp.MustCompile(`"updatedAt":"[^"]*"`)
	r.asked = func(req *http.Request) *http.Response {
		switch body := asks(req); {
		case strings.Contains(body, `"operationName":"OrderHeads"`):
			changes++
			return r.says(req, func(body string) string {
				now := r.clock.Now().Add(-3 * time.Minute).Add(time.Duration(changes) * time.Millisecond)
				return at.ReplaceAllString(body, `"updatedAt":"`+now.Format(time.RFC3339)+`"`)
			})
		case strings.Contains(body, "Order/"+strconv.FormatInt(id, 10)+`"`) && strings.Contains(body, "FetchOrders"):
			tries++
			return r.says(req, func(string) string { return `{"errors":[{"message":"m","extensions":{"code":"TIMEOUT"}}]}` })
		}
		return nil
	}
	r.until(time.Hour, "it is tried", func() bool { return tries > 0 })
	before := tries
	r.run(2 * time.Hour)
	if n := tries - before; n < 12 || n > 60 { // 6 times, each of them repeated, and once more by itself
		t.Errorf("%d requests in two hours", n)
	}
	r.asked = nil
	r.until(time.Hour+time.Minute, "it is here", func() bool { _, there := r.here(demo, id); return there })
}
