package host_test

import (
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/internal/realserver"
	"bellhop/pipeline"
	"bellhop/simulate"
	"bellhop/simulate/simulatetest"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// place is the storage of services.
type place struct {
	name      string
	db, queue func(*testing.T) string
}

// apart are the places for the tests with processes of one step each.
var apart = []place{
	{"RabbitMQ, Postgres", newPostgresStore, newRabbitQueue},
	{"SQLite queue, Postgres", newPostgresStore, inOwnFile},
	{"Postgres queue, Postgres", newPostgresStore, inStore},
	{"SQS, Postgres", newPostgresStore, newSQSQueue},
}

func newPostgresStore(t *testing.T) string { return postgres(t).URL(newDatabase(t)) }
func inOwnFile(*testing.T) string          { return "sqlite:" }
func inStore(*testing.T) string            { return "postgres:" }

func onEach(t *testing.T, places []place, run func(t *testing.T, s wire.Storage)) {
	t.Parallel()
	for _, c := range places {
		t.Run(strings.NewReplacer(" ", "-", ",", "").Replace(c.name), func(t *testing.T) {
			t.Parallel()
			run(t, wire.Storage{Dir: wiretest.Dir(t), DB: c.db(t), Queue: c.queue(t)})
		})
	}
}

// front is the load balancer before the processes that take webhooks.
type front struct {
	*httptest.Server
	mu   sync.Mutex
	web  []string // addresses
	next int
}

func newFront(t *testing.T) *front {
	f := &front{}
	proxy := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: f.pick()})
	}}
	f.Server = httptest.NewServer(proxy)
	t.Cleanup(f.Close)
	return f
}

func (f *front) pick() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	return f.web[f.next%len(f.web)]
}

func (f *front) replace(was, is string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.web = append(slices.DeleteFunc(f.web, func(a string) bool { return a == was }), is)
}

// services are processes of one step each, over one queue and one database.
type services struct {
	*crash
	front   *front
	running []*service
}

type service struct {
	*process
	steps steps
	addr  string
}

// startServices starts processes, and an FCM without faults. There are so many shops
// that none exceeds its phone's budget.
func startServices(t *testing.T, s wire.Storage, all ...steps) *services {
	c := newCrash(t, 40, s)
	c.fcm.SetFaults(nil)
	out := &services{crash: c, front: newFront(t)}
	for _, is := range all {
		out.add(is)
	}
	return out
}

func (s *services) add(is steps) *service {
	s.t.Helper()
	addr := ""
	if is == stepsWeb {
		addr = realserver.FreeAddress(s.t)
	}
	one := &service{s.launch(is, addr, "", 0), is, addr}
	if addr != "" {
		s.front.replace("", addr)
	}
	s.running = append(s.running, one)
	return one
}

// roll starts a new process beside an old one and ends that.
func (s *services) roll(old *service) {
	s.t.Helper()
	is := s.add(old.steps)
	if old.addr != "" {
		s.front.replace(old.addr, is.addr)
	}
	old.end(s.t)
	s.running = slices.DeleteFunc(s.running, func(o *service) bool { return o == old })
}

func (s *services) endAll() {
	for _, one := range s.running {
		one.end(s.t)
	}
	s.running = nil
}

// compare compares the store with the twin's ledger.
func (s *services) compare(twin *simulate.Shopify) {
	s.t.Helper()
	parts := s.open()
	s.settle(parts)
	s.endAll()
	kept := simulatetest.Kept{Store: parts.Store, FCM: s.fcm, Tokens: s.tokens}
	s.t.Log(kept.Compare(s.t, twin.Ledger()))
}

// TestRollingRestarts replaces each of six processes under load, one after
// another: nothing is lost, recorded twice or pushed twice.
func TestRollingRestarts(t *testing.T) {
	onEach(t, apart, func(t *testing.T, storage wire.Storage) {
		s := startServices(t, storage, stepsWeb, stepsWeb, stepsRecord, stepsRecord, stepsNotify, stepsNotify)
		twin, enough, wait := s.deliver(s.front.URL, 30)
		defer enough()
		for _, old := range slices.Clone(s.running) {
			s.untilPushed(20) // it is under load
			s.roll(old)
		}
		s.untilPushed(20)
		enough()
		wait()
		s.compare(twin)
		sends := map[string]int{}
		for _, sent := range s.fcm.Sent() {
			sends[sent.Device+" "+sent.Tag]++
		}
		maps.DeleteFunc(sends, func(_ string, n int) bool { return n == 1 })
		if len(sends) > 0 {
			t.Errorf("%d pushes were sent more than once: %v", len(sends), sends)
		}
	})
}

// untilPushed waits until FCM has taken so many more pushes.
func (s *services) untilPushed(n int64) {
	s.t.Helper()
	want := s.fcm.Counts().Taken + n
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); s.fcm.Counts().Taken < want; <-tick.C {
		if time.Now().After(deadline) {
			s.t.Fatalf("%d pushes of %d were sent", s.fcm.Counts().Taken, want)
		}
	}
}

// killingTime is how long make crash kills two workers in turn, at least.
func killingTime(t *testing.T) time.Duration {
	s := os.Getenv("HOST_KILL_TIME")
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatalf("HOST_KILL_TIME: %v", err)
	}
	return d
}

// TestWorkersKilledInTurn kills two recording workers one after the other, twice each
// under load: bellhop loses nothing, and records nothing twice.
func TestWorkersKilledInTurn(t *testing.T) {
	onEach(t, apart, func(t *testing.T, storage wire.Storage) {
		s := startServices(t, storage, stepsWeb, stepsNotify)
		twin, enough, wait := s.deliver(s.front.URL, 40)
		defer enough()
		workers := [2]*process{s.launch(stepsRecord, "", "", 0), s.launch(stepsRecord, "", "", 0)}
		kills, long := 0, killingTime(t)
		for began := time.Now(); kills < 4 || time.Since(began) < long; kills++ {
			s.untilPushed(10) // the other works, or both do
			victim := &workers[kills%2]
			if err := (*victim).cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			(*victim).wait(t)
			*victim = s.launch(stepsRecord, "", "", 0)
		}
		enough()
		wait()
		s.compare(twin)
		for _, w := range workers {
			w.end(t)
		}
		t.Logf("%d kills; the twin: %v", kills, twin.Ledger().Summary())
	})
}

// TestSweeperPushesAfterACrash kills the recorder between recording and its wake-up
// message, and starts no other: the push goes out all the same.
func TestSweeperPushesAfterACrash(t *testing.T) {
	onEach(t, apart[:2], func(t *testing.T, storage wire.Storage) {
		s := startServices(t, storage, stepsWeb, stepsNotify)
		recorder := s.launch(stepsRecord, "", pipeline.PointRecorded, 1)
		s.orders = 1
		twin, enough, wait := s.deliver(s.front.URL, 40)
		defer enough()
		wait()
		recorder.wait(t)
		s.untilPushed(1)
		parts := s.open()
		if d, err := parts.Queue.Depth(t.Context()); err != nil || d.Waiting+d.Leased == 0 {
			t.Errorf("the queue holds %+v, %v: the recorder has acknowledged", d, err)
		}
		notify, err := parts.OpenNotify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d, err := notify.Depth(t.Context()); err != nil || d.Waiting+d.Leased+d.Dead > 0 {
			t.Errorf("%+v wake-up messages, %v: want none", d, err)
		}
		s.add(stepsRecord) // which finds that it is done
		s.compare(twin)
		if n := s.fcm.Counts().Taken; n != int64(twin.Ledger().Summary().Orders) {
			t.Errorf("%d pushes for %d orders", n, twin.Ledger().Summary().Orders)
		}
	})
}

// TestStepsMixed runs workers of both steps beside recorders: a worker with both steps
// finds owed pushes in the store, and messages without a receiver stay few.
func TestStepsMixed(t *testing.T) {
	onEach(t, apart[:2], func(t *testing.T, storage wire.Storage) {
		s := startServices(t, storage, stepsWeb, stepsRecord, stepsWorker)
		twin, enough, wait := s.deliver(s.front.URL, 60)
		defer enough()
		s.untilPushed(100)
		enough()
		wait()
		s.compare(twin)
	})
}
