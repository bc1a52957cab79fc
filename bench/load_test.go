package bench

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve starts a server and returns its address.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func get(target string) func(int) Requests {
	return func(int) Requests { return Same("GET / HTTP/1.1\r\nHost: " + target + "\r\n\r\n") }
}

func load(t *testing.T, l Load) *Tally {
	t.Helper()
	tally, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

func TestClosedLoopSendsWhatItIsToldAndNoMore(t *testing.T) {
	var served atomic.Int64
	target := serve(t, func(http.ResponseWriter, *http.Request) { served.Add(1) })
	tally := load(t, Load{Target: target, Requests: get(target), Connections: 8, Count: 1000})
	if tally.Sent != 1000 || tally.OK() != 1000 || tally.Counted != 1000 || served.Load() != 1000 ||
		tally.Latency.Count() != 1000 {
		t.Errorf("%d served, tally %+v", served.Load(), tally)
	}
}

func TestClosedLoopMeasuresTheWindowOnly(t *testing.T) {
	var served atomic.Int64
	target := serve(t, func(http.ResponseWriter, *http.Request) { served.Add(1) })
	tally := load(t, Load{
		Target: target, Requests: get(target), Connections: 2, Warmup: 100 * time.Millisecond,
		Duration: 100 * time.Millisecond,
	})
	if tally.OK() != served.Load() || tally.Counted >= tally.OK() || tally.Counted == 0 {
		t.Errorf("%d served, %d answered, %d counted", served.Load(), tally.OK(), tally.Counted)
	}
}

func TestOpenLoopKeepsItsRate(t *testing.T) {
	for _, rate := range []float64{200, 5000} {
		target := serve(t, func(http.ResponseWriter, *http.Request) {})
		const d = time.Second
		tally := load(t, Load{Target: target, Requests: get(target), Connections: 4, MaxConnections: 64, Rate: rate,
			Duration: d})
		if got := float64(tally.Sent) / d.Seconds(); math.Abs(got-rate) > rate/100 {
			t.Errorf("sent %v/s, not %v", got, rate)
		}
		// The last is due a moment before the end; sending that late would be
		// a rate that was not kept.
		if took := tally.Ended.Sub(tally.Began); took < d*99/100 {
			t.Errorf("%v requests came in %v", tally.Sent, took)
		}
	}
}

// A server that stalls holds up all that comes meanwhile, also
// requests that a generator that waits for answers would not have sent.
func TestOpenLoopCountsFromWhenARequestWasDue(t *testing.T) {
	const stall, rate = 2 * time.Second, 200
	var once atomic.Bool
	var until atomic.Pointer[time.Time]
	target := serve(t, func(http.ResponseWriter, *http.Request) {
		if once.CompareAndSwap(false, true) {
			end := time.Now().Add(stall)
			until.Store(&end)
		}
		time.Sleep(time.Until(*until.Load()))
	})
	for name, max := range map[string]int{"few connections": 4, "as many as it takes": 1000} {
		once.Store(false)
		end := time.Now().Add(time.Hour)
		until.Store(&end)
		tally := load(t, Load{
			Target: target, Requests: get(target), Connections: 4, MaxConnections: max, Rate: rate, Duration: 2 * stall,
		})
		if tally.OK() != 2*rate*int64(stall/time.Second) {
			t.Fatalf("%s: %d answers, failures %v", name, tally.OK(), tally.Failures)
		}
		// Half of all come during the stall, evenly: a quarter of all waits
		// longer than half of it.
		if p75 := tally.Latency.At(75); p75 < stall*2/5 || p75 > stall*9/10 {
			t.Errorf("%s: p75 %v, not about %v", name, p75, stall/2)
		}
		if p50 := tally.Latency.At(50); max > 4 && p50 > stall/5 {
			t.Errorf("%s: p50 %v, though half of all came after the stall", name, p50)
		}
	}
}

func TestStatusesAndFailuresAreCounted(t *testing.T) {
	var n atomic.Int64
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) % 4 {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1:
			w.WriteHeader(http.StatusNoContent)
		case 2:
			for range 3 { // chunked
				_, _ = w.Write([]byte(strings.Repeat("x", 5000)))
				w.(http.Flusher).Flush()
			}
		case 3:
			panic(http.ErrAbortHandler)
		}
	})
	tally := load(t, Load{Target: target, Requests: get(target), Connections: 1, Count: 40})
	if tally.Statuses[503] != 10 || tally.Statuses[204] != 10 || tally.Statuses[200] != 10 ||
		tally.Failures[failCut] != 10 {
		t.Errorf("statuses %v, failures %v", tally.Statuses, tally.Failures)
	}
	if tally.OK() != 20 || tally.Failed() != 20 || tally.Counted != 20 || tally.Latency.Count() != 30 {
		t.Errorf("%d ok, %d failed, %d counted, %d latencies", tally.OK(), tally.Failed(), tally.Counted,
			tally.Latency.Count())
	}
}

func TestAServerThatGoesAwayIsCounted(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	target := server.Listener.Addr().String()
	requests := get(target)
	var n atomic.Int64
	tally := load(t, Load{Target: target, Connections: 1, Count: 5, Requests: func(i int) Requests {
		return requestsFunc(func(b []byte, due time.Time) []byte {
			if n.Add(1) == 3 {
				server.CloseClientConnections()
				server.Close()
			}
			return requests(i).Append(b, due)
		})
	}})
	if tally.OK() != 2 || tally.Failures[failCut]+tally.Failures[failConnect] != 3 || tally.Failures[failConnect] < 2 {
		t.Errorf("statuses %v, failures %v", tally.Statuses, tally.Failures)
	}
}

type requestsFunc func(b []byte, due time.Time) []byte

func (f requestsFunc) Append(b []byte, due time.Time) []byte { return f(b, due) }

func TestNoAnswerInTimeIsCounted(t *testing.T) {
	target := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	tally := load(t, Load{Target: target, Requests: get(target), Connections: 1, Count: 2, Timeout: 50 * time.Millisecond})
	if tally.Failures[failTimeout] != 2 {
		t.Errorf("failures %v", tally.Failures)
	}
}

func TestALoadEndsWithItsContext(t *testing.T) {
	for _, rate := range []float64{0, 100} {
		ctx, cancel := context.WithCancel(t.Context())
		target := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
		_, err := Load{Target: target, Requests: get(target), Connections: 2, Rate: rate, Duration: time.Hour}.Run(ctx)
		if err != context.Canceled {
			t.Errorf("rate %v: %v", rate, err)
		}
	}
}

func TestOnlyThisMachineIsLoaded(t *testing.T) {
	for _, target := range []string{"192.0.2.1:80", "example.com:80", "127.0.0.1", ":80", "0.0.0.0:80"} {
		_, err := Load{Target: target, Requests: get(target), Connections: 1, Count: 1}.Run(t.Context())
		if err == nil {
			t.Errorf("%s was loaded", target)
		}
	}
}

func TestATargetThatIsNotThereIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := l.Addr().String()
	l.Close()
	if _, err := (Load{Target: target, Requests: get(target), Connections: 1, Count: 1}).Run(t.Context()); err == nil {
		t.Error("no error")
	}
}

func TestPercentilesAgreeWithExactOnes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := NewSpread()
	var exact []time.Duration
	for range 100_000 {
		d := time.Duration(math.Exp(rng.NormFloat64()*2+13)) + 1 // around half a millisecond, with a long tail
		s.Add(d)
		exact = append(exact, d)
	}
	slices.Sort(exact)
	for _, permille := range []int{10, 500, 900, 990, 999, 1000} {
		want := exact[permille*len(exact)/1000-1]
		p := float64(permille) / 10
		if got := s.At(p); math.Abs(float64(got-want)) > float64(want)/500+1000 {
			t.Errorf("p%v is %v, not %v", p, got, want)
		}
	}
}

func TestAnswersAreReadToTheirEnd(t *testing.T) {
	for name, answer := range map[string]string{
		"no HTTP":         "SSH-2.0-whatever\r\n",
		"bad status":      "HTTP/1.1 2x0 OK\r\n\r\n",
		"negative length": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"cut in the head": "HTTP/1.1 200 OK\r\nContent-Le",
		"cut in the body": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
		"cut in a chunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
		"no chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 1000))
				_, _ = c.Write([]byte(answer))
				c.Close()
			}
		}()
		target := l.Addr().String()
		tally := load(t, Load{Target: target, Requests: get(target), Connections: 1, Count: 1})
		l.Close()
		if tally.OK() != 0 || tally.Failures[failCut]+tally.Failures[failAnswer] != 1 {
			t.Errorf("%s: statuses %v, failures %v", name, tally.Statuses, tally.Failures)
		}
	}
}
