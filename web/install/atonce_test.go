package install_test

import (
	"net/http"
	"sync"
	"testing"

	"bellhop"
	"bellhop/web/webtest"
)

// TestCallbacksAtOnce: of a callback that comes twenty times in the same moment one counts, and the owner gets one
// link.
func TestCallbacksAtOnce(t *testing.T) {
	r := newRig(t)
	question, state := r.begin(fresh)
	callback := r.shopify.Agree(question)
	var mu sync.Mutex
	statuses := map[int]int{}
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			status := r.direct(n, callback, state)
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	all.Wait()
	if statuses[http.StatusSeeOther] != 1 || statuses[http.StatusUnauthorized] != 19 {
		t.Errorf("of 20 callbacks: %v", statuses)
	}
	people, err := r.DB.People(t.Context(), fresh)
	webtest.Must(t, err)
	if len(people) != 1 || r.connection(fresh).Access != bellhop.AccessGood {
		t.Errorf("people: %v, access %v", people, r.connection(fresh).Access)
	}
}

// TestInstallsAtOnce: two of the shop's staff install the app in the same moment. The newest tokens count, and work.
func TestInstallsAtOnce(t *testing.T) {
	r := newRig(t)
	var all sync.WaitGroup
	for n := range 2 {
		question, state := r.begin(fresh)
		callback := r.shopify.Agree(question)
		all.Go(func() {
			if status := r.direct(n, callback, state); status != http.StatusSeeOther {
				t.Errorf("one was answered %d", status)
			}
		})
	}
	all.Wait()
	if works, err := r.shopify.Connector.Works(t.Context(), fresh); !works || err != nil {
		t.Errorf("the connection works: %v, %v", works, err)
	}
}
