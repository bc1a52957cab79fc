package simulate

import (
	"cmp"
	"context"
	"crypto/rsa"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// DefaultProject is the Firebase project where none is named.
const DefaultProject = "bellhop-demo"

// FCMOptions say how the FCM twin behaves.
type FCMOptions struct {
	Project    string        // "" is [DefaultProject]
	Latency    time.Duration // between a message's arrival and its answer
	Faults     Faults
	Seed       uint64           // of the faults
	Keep       int              // messages and slots that are remembered; 0 is 100,000
	Unlimited  bool             // no budgets for devices: for load tests
	RetryAfter time.Duration    // that an answer 429 by fault asks for; 0 is a minute
	Now        func() time.Time // nil is time.Now
	// Key is the service account's; nil makes one when it is first needed, which
	// takes up to a second. Tests that start many twins share one.
	Key *rsa.PrivateKey
	// The twin calls OnSend with each message that it takes for a phone, before it answers, from
	// many goroutines at once.
	OnSend func(Sent)
}

// Counts are the twin's counters.
type Counts struct {
	Requests  int64            `json:"requests"`  // to send, with any result
	Answers   map[string]int64 `json:"answers"`   // by HTTP status; "none" where none came
	Taken     int64            `json:"taken"`     // messages taken for a phone
	Shown     int64            `json:"shown"`     // by a phone, replacements included
	Replaced  int64            `json:"replaced"`  // that took the place of another
	Throttled int64            `json:"throttled"` // over a device's budget
}

// FCM is the twin of Firebase Cloud Messaging: an http.Handler that serves the
// token endpoint, the one for sending, and the twin's own under /_/. All
// methods may be called at any time from any goroutine.
type FCM struct {
	opt      FCMOptions
	accounts *accounts
	mux      *http.ServeMux
	closed   chan struct{} // ends the answers that hang
	close    func()

	mu     sync.Mutex
	rng    *rand.Rand
	faults Faults
	broken bool
	gone   map[string]*fcmError // tokens and their final answer
	phones *phones
}

// NewFCM returns a twin that nothing was sent to.
func NewFCM(o FCMOptions) *FCM {
	o.Project = cmp.Or(o.Project, DefaultProject)
	o.Keep = cmp.Or(o.Keep, 100_000)
	o.RetryAfter = cmp.Or(o.RetryAfter, time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &FCM{
		opt: o, accounts: newAccounts(o.Project, o.Key, o.Now), mux: http.NewServeMux(), closed: make(chan struct{}),
		rng: rand.New(rand.NewPCG(o.Seed, 0x66636d)), faults: o.Faults, gone: map[string]*fcmError{},
		phones: newPhones(o.Keep, o.Unlimited),
	}
	f.close = sync.OnceFunc(func() { close(f.closed) })
	f.phones.counts.Answers = map[string]int64{}
	f.mux.HandleFunc("POST /token", f.serveToken)
	f.mux.HandleFunc("POST /v1/projects/{project}/{messages}", f.serveSend)
	f.routeOwn()
	return f
}

// RunFCM serves a twin at addr until ctx is done. It calls ready, unless that is nil, once with
// the twin and its address, which ends in the real port if addr has port 0.
func RunFCM(ctx context.Context, addr string, o FCMOptions, ready func(f *FCM, url string) error) error {
	f := NewFCM(o)
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(serving, f.Close)
	return Serve(ctx, "the FCM twin", addr, f, func(url string) error {
		if ready == nil {
			return nil
		}
		return ready(f, url)
	})
}

// ServeHTTP answers as FCM does.
func (f *FCM) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.mux.ServeHTTP(w, r) }

// Close ends the answers that hang, so that a server can be shut down.
func (f *FCM) Close() { f.close() }

// ServiceAccount returns the file that lets a client send to the twin that is
// reached at base, such as "http://127.0.0.1:9090". Its token_uri is the twin's
// own, so that nothing leaves the machine.
func (f *FCM) ServiceAccount(base string) ([]byte, error) { return f.accounts.file(base) }

// WriteServiceAccount writes what [FCM.ServiceAccount] returns. A file that an
// earlier twin wrote to path keeps its key, so that clients that have read it
// needn't be started again. It is called before the twin serves.
func (f *FCM) WriteServiceAccount(path, base string) error {
	if _, err := os.Stat(path); err == nil {
		if err := f.accounts.adopt(path); err != nil {
			return err
		}
	}
	b, err := f.ServiceAccount(base)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("write the service account: %w", err)
	}
	return nil
}

func (f *FCM) serveToken(w http.ResponseWriter, r *http.Request) {
	var refused bool
	f.locked(func() { refused = f.rng.Float64() < f.faults[FaultGrant] })
	if refused {
		writeJSON(w, http.StatusBadRequest, oauthError{"invalid_grant", "Invalid grant: account not found"})
		return
	}
	f.accounts.serveToken(w, r)
}

// serveSend is POST /v1/projects/{project}/messages:send.
func (f *FCM) serveSend(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("messages") != "messages:send" {
		http.NotFound(w, r)
		return
	}
	name, e, fault := f.send(w, r)
	if fault == FaultHang {
		f.count("none")
		select {
		case <-r.Context().Done():
		case <-f.closed:
		}
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	f.delay(r.Context())
	if e != nil {
		f.count(strconv.Itoa(e.Code))
		e.write(w)
		return
	}
	f.count("200")
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	io.WriteString(w, "{\n  \"name\": \""+name+"\"\n}\n") // a name needs no escapes
}

// send decides the result of a request.
func (f *FCM) send(w http.ResponseWriter, r *http.Request) (name string, e *fcmError, fault Fault) {
	if e := f.accounts.check(r); e != nil {
		return "", e, ""
	}
	if r.PathValue("project") != f.opt.Project {
		return "", otherProject(), ""
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return "", badJSON("", "Request payload size exceeds the limit."), ""
	}
	m, e := parseMessage(body)
	if e != nil {
		return "", e, ""
	}
	sent, e, fault := f.take(m)
	if sent == nil {
		return "", e, fault
	}
	if f.opt.OnSend != nil && !m.validateOnly {
		f.opt.OnSend(*sent)
	}
	return sent.Name, e, fault
}

// take brings a good message to its phone, unless a fault comes between.
func (f *FCM) take(m *message) (*Sent, *fcmError, Fault) {
	now := f.opt.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return nil, unavailable(), ""
	}
	if e := f.gone[m.to]; e != nil {
		return nil, e, ""
	}
	fault := f.faults.draw(f.rng.Float64())
	if m.validateOnly {
		if fault != "" && fault != FaultAmbiguous && fault != FaultHang {
			return nil, f.failure(fault), ""
		}
		return &Sent{Name: "projects/" + f.opt.Project + "/messages/fake_message_id"}, nil, ""
	}
	switch fault {
	case "", FaultAmbiguous, FaultHang:
		s, e := f.phones.take(m, f.opt.Project, fault, now)
		if e != nil {
			return nil, e, ""
		}
		if fault != "" {
			e = unavailable()
		}
		return s, e, fault
	case FaultUnregistered:
		f.gone[m.to] = unregistered()
	}
	return nil, f.failure(fault), fault
}

// failure is the answer to a message that a fault kept from its phone.
func (f *FCM) failure(fault Fault) *fcmError {
	switch fault {
	case FaultMismatch:
		return senderMismatch()
	case FaultQuota:
		return overQuota("Quota exceeded for quota metric 'Send requests' and limit 'Send requests per minute' of "+
			"service 'fcm.googleapis.com'.", f.opt.RetryAfter)
	case FaultInternal:
		return refusal(500, "INTERNAL", "INTERNAL", "Internal error encountered.")
	case FaultGateway:
		return &fcmError{Code: 502, html: true}
	case FaultUnregistered:
		return unregistered()
	}
	return unavailable()
}

func (f *FCM) delay(ctx context.Context) {
	if f.opt.Latency <= 0 {
		return
	}
	t := time.NewTimer(f.opt.Latency)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-f.closed:
	}
}

func (f *FCM) count(answer string) {
	f.locked(func() {
		f.phones.counts.Requests++
		f.phones.counts.Answers[answer]++
	})
}
