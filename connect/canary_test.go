package connect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop"
	"bellhop/connect"
	"bellhop/simulate/shop"
)

// secrets gathers every secret that Shopify gives.
type secrets struct {
	mu  sync.Mutex
	all []string
}

func (s *secrets) add(secret string) {
	if secret != "" {
		s.mu.Lock()
		s.all = append(s.all, secret)
		s.mu.Unlock()
	}
}

// see reads the secrets in an answer.
func (s *secrets) see(_ *http.Request, resp *http.Response) {
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), &failing{err}))
		return
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var answer struct {
		Token   string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &answer) == nil {
		s.add(answer.Token)
		s.add(answer.Refresh)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// TestNoSecretGetsOut connects and checks a shop again and again, under every kind of trouble. No log line, error or
// metric has a token, a code or a secret. CANARY_RUNS says how often; make canaries is long.
func TestNoSecretGetsOut(t *testing.T) {
	runs := 100
	if s := os.Getenv("CANARY_RUNS"); s != "" {
		var err error
		if runs, err = strconv.Atoi(s); err != nil || runs < 100 {
			t.Fatalf("CANARY_RUNS is %q: give 100 or more", s)
		}
	}
	r := newRig(t)
	registry := prometheus.NewRegistry()
	r.Metrics = connect.NewMetrics(registry)
	seen := &secrets{all: []string{secret}}
	r.answers = seen.see
	var said strings.Builder
	note := func(err error) {
		if err != nil {
			fmt.Fprintf(&said, "%v %+v\n", err, err)
		}
	}
	troubles := []shop.Faults{{}, {RefreshUnknown: 3}, {RefreshCut: 3}, {Away: 402}, {Away: 404}, {NotAllowed: true},
		{MustExpire: true}, {Broken: shop.BrokenServer}, {Broken: shop.BrokenHTML}, {Broken: shop.BrokenCut},
		{Protected: shop.ProtectedOrders}}
	grants := []bellhop.Grant{bellhop.GrantClientCredentials, bellhop.GrantAuthorizationCode,
		bellhop.GrantTokenExchange, bellhop.GrantToken}
	for i := range runs {
		r.must(r.twin.SetFaults(demo, shop.Faults{}))
		if i%20 == 0 { // connect anew, in turn by each grant
			_, err := ways[grants[i/20%len(grants)]](r)
			note(err)
			r.must(r.twin.DropSubscriptions(demo, ""))
		}
		r.must(r.twin.SetFaults(demo, troubles[i%len(troubles)]))
		switch rand.N(6) {
		case 0:
			code := "code-" + fmt.Sprint(rand.Uint64())
			seen.add(code)
			_, _, err := r.Code(t.Context(), demo, code)
			note(err)
		case 1:
			seen.add(r.connection(demo).Token)
			r.change(demo, func(c *bellhop.Connection) { c.Token = "shpat_revoked" })
		}
		r.clock.pass(time.Duration(rand.N(90)) * time.Minute)
		_, err := r.Check(t.Context(), demo)
		note(err)
		conn := r.connection(demo)
		fmt.Fprintf(&said, "%s %s\n", conn.Access, conn.Reason)
		seen.add(conn.Token)
		seen.add(conn.RefreshToken)
	}
	families, err := registry.Gather()
	r.must(err)
	for _, f := range families {
		fmt.Fprintln(&said, f)
	}
	said.WriteString(r.log.String())
	text := said.String()
	if len(seen.all) < runs/10 || len(text) < 1000 {
		t.Fatalf("%d secrets, %d bytes: the test does nothing", len(seen.all), len(text))
	}
	for _, s := range seen.all {
		if s != "shpat_revoked" && strings.Contains(text, s) {
			t.Errorf("a secret got out: %s…", s[:min(8, len(s))])
		}
	}
	t.Logf("%d secrets, %d bytes of logs, errors and metrics", len(seen.all), len(text))
}
