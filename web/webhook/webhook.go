// Package webhook is the endpoint that Shopify's webhooks go to. A team mounts it in a
// server of its own with [New]; the site has it at [Path].
package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/shopify"
	"bellhop/web"
)

// Path is the endpoint's address on bellhop's own site.
const Path = shopify.WebhookPath

// Acceptor accepts webhooks.
type Acceptor interface {
	// Accept checks a webhook's signature and makes it durable. It returns
	// nil only once it is, and otherwise an error of a kind:
	// bellhop.Unauthenticated for a signature that is wrong or missing,
	// bellhop.Invalid for an empty body or another header that is missing,
	// bellhop.TooLarge, and bellhop.Unavailable when nothing can be taken now.
	//
	// After nil or an error of the first three kinds it no longer holds body: the endpoint uses
	// it again.
	Accept(ctx context.Context, header http.Header, body []byte) error
}

// Options are the options of [New]; zero fields mean the default.
type Options struct {
	InFlight       int            // webhooks between read and answered at once; default 64
	ReadTimeout    time.Duration  // how long a sender may take for the body; default 5 s, as long as Shopify waits
	TrustedProxies []netip.Prefix // whose X-Forwarded-For counts
	Logger         *slog.Logger   // default: nothing is logged
	Registerer     prometheus.Registerer
	Tracer         trace.Tracer // nil: no spans are made
	MaxBody        int          // default bellhop.DefaultMaxBody
	// TooLarge gets the webhooks above MaxBody, so that somebody can note those that Shopify signed; default:
	// they are only refused.
	TooLarge func(ctx context.Context, header http.Header, body io.Reader)
	// At is the endpoint's only address, such as [Path]: webhooks to another one are refused and counted.
	// Default: whatever address the server routes here.
	At string
	// Refusals count refused webhooks; default: they are only logged.
	Refusals *pipeline.Refusals
}

const (
	defaultInFlight = 64
	turnTimeout     = time.Second // how long a webhook waits for its turn
)

// webhook is the endpoint. It is the hot path: it bypasses the API's middleware and does by
// itself the little that it needs of it.
type webhook struct {
	acceptor Acceptor
	inFlight chan struct{}
	bodies   web.BodyReader
	at       string
	tooLarge *web.Problem
	metrics  *metrics
	spans    web.Spans
	refusals *pipeline.Refusals
	log      *slog.Logger
}

// New returns the endpoint that Shopify's webhooks go to. It answers 200
// with an empty body once Accept has returned nil; 401 for a wrong signature;
// 400, 408, 413 or 415 for what can't be a webhook; and 503 with Retry-After when
// the queue can't take it or too many are waiting. It never answers 429, which
// Shopify would count as a failure like any other.
//
// [web.HTTPServer] bounds connections and the memory that bodies take. It also keeps idle
// connections for longer than Shopify needs: Shopify reuses a connection, and waits one second
// for a new one. With another server you have to do both.
func New(a Acceptor, o Options) http.Handler {
	if o.Refusals == nil {
		o.Refusals = pipeline.NewRefusals(nil, web.LoggerOr(o.Logger), time.Now)
	}
	h := &webhook{
		acceptor: a,
		inFlight: make(chan struct{}, cmp.Or(o.InFlight, defaultInFlight)),
		bodies: web.BodyReader{Proxies: o.TrustedProxies, Limit: cmp.Or(o.MaxBody, bellhop.DefaultMaxBody),
			Timeout: cmp.Or(o.ReadTimeout, web.BodyTimeout)},
		at:       o.At,
		metrics:  newMetrics(o.Registerer),
		spans:    web.Spans{Tracer: o.Tracer},
		refusals: o.Refusals,
		log:      web.LoggerOr(o.Logger),
	}
	if o.TooLarge != nil {
		h.bodies.TooLarge = func(r *http.Request, body io.Reader) { o.TooLarge(r.Context(), r.Header, body) }
	}
	h.tooLarge = web.NewProblem(http.StatusRequestEntityTooLarge, "",
		fmt.Sprintf("a webhook's body has %d bytes at the most", h.bodies.Limit))
	return h
}

// Matches reports whether the endpoint of a site has to answer a request: it came to [Path], with slashes
// too many or not, or it is a webhook that went astray.
func Matches(r *http.Request) bool {
	return r.URL.Path == Path || r.Method == http.MethodPost && shopify.IsDelivery(r.Header) ||
		isAt(Path, r.URL.Path)
}

// isAt compares addresses without regard to doubled and trailing slashes.
func isAt(want, path string) bool {
	slash := func(r rune) bool { return r == '/' }
	return want == path || len(path) > len(want) &&
		slices.Equal(strings.FieldsFunc(want, slash), strings.FieldsFunc(path, slash))
}

// ServeHTTP answers one webhook.
func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	r, span := h.spans.Begin(r)
	out, cause := h.serve(w, r, began)
	web.EndSpan(span, r, Path, out.status())
	h.metrics.observe(out, time.Since(began))
	if out == outAccepted {
		return
	}
	if out != outGone { // which is nobody's fault
		ours := out.status() >= http.StatusInternalServerError
		h.refusals.Refused(shopify.ShopIn(r.Header), h.reason(r, out), ours, cause)
	}
	h.refuse(w, out, cause)
}

// serve returns the outcome, and Accept's error. It writes nothing for an accepted webhook:
// net/http sends an empty 200 by itself.
func (h *webhook) serve(w http.ResponseWriter, r *http.Request, began time.Time) (out outcome, cause error) {
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			h.log.ErrorContext(r.Context(), "a webhook panicked", "panic", fmt.Sprint(v), "stack",
				string(debug.Stack()))
			out = outPanic
		}
	}()
	if out := h.refuseUnread(r); out != outAccepted {
		// net/http reads the rest of the body.
		_ = http.NewResponseController(w).SetReadDeadline(began.Add(h.bodies.Timeout))
		return out, nil
	}
	read, err := h.bodies.Read(w, r)
	if err != nil {
		return cutOff(err), nil
	}
	defer web.Answered(r)
	if out := h.wait(r.Context()); out != outAccepted {
		h.bodies.Put(read.Buf)
		return out, nil
	}
	defer func() { <-h.inFlight }()
	cause = h.acceptor.Accept(r.Context(), r.Header, read.Bytes())
	if out = outcomeOf(r.Context(), cause); out.done() {
		h.bodies.Put(read.Buf)
	}
	return out, cause
}

// reason is what a refusal is counted by.
func (h *webhook) reason(r *http.Request, out outcome) string {
	if out == outAstray {
		return h.refusals.Astray(r.URL.EscapedPath())
	}
	return answers[out].label
}

// refuseUnread finds a request's faults without reading its body.
func (h *webhook) refuseUnread(r *http.Request) outcome {
	if h.at != "" && !isAt(h.at, r.URL.Path) {
		return outAstray
	}
	if r.Method != http.MethodPost {
		return outMethod
	}
	for _, coding := range r.Header["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return outEncoded
		}
	}
	for name, values := range r.Header {
		if len(values) > 1 && shopify.OfShopify(name) {
			return repeated(name)
		}
	}
	return outAccepted
}

// repeated refuses a header of Shopify's that comes twice, even with the same value. Shopify
// sends each once; attackers evade checks by two values, of which two readers take different
// ones.
func repeated(name string) outcome {
	if strings.HasSuffix(name, "-Hmac-Sha256") {
		return outUnauthenticated
	}
	return outInvalid
}

// cutOff returns the outcome of a body that didn't come.
func cutOff(err error) outcome {
	switch err {
	case web.ErrBodyTooLarge:
		return outTooLarge
	case web.ErrBodySlow:
		return outSlow
	default:
		return outCut
	}
}

// wait waits for a place among those in flight.
func (h *webhook) wait(ctx context.Context) outcome {
	select {
	case h.inFlight <- struct{}{}:
		return outAccepted
	default:
	}
	t := time.NewTimer(turnTimeout)
	defer t.Stop()
	select {
	case h.inFlight <- struct{}{}:
		return outAccepted
	case <-t.C:
		return outBusy
	case <-ctx.Done():
		return outGone
	}
}

// outcomeOf returns the outcome for Accept's error.
func outcomeOf(ctx context.Context, err error) outcome {
	if err == nil {
		return outAccepted
	}
	k := bellhop.KindOf(err)
	switch k {
	case bellhop.Unauthenticated:
		return outUnauthenticated
	case bellhop.Invalid:
		return outInvalid
	case bellhop.TooLarge:
		return outTooLarge
	}
	switch {
	case ctx.Err() != nil:
		return outGone
	case k == bellhop.Unavailable, errors.Is(err, context.DeadlineExceeded):
		return outUnavailable
	}
	return outInternal
}

func (h *webhook) refuse(w http.ResponseWriter, out outcome, cause error) {
	a := answers[out]
	if out == outTooLarge {
		a.problem = h.tooLarge
	}
	if e, ok := errors.AsType[*bellhop.Error](cause); ok && out == outInvalid {
		a.problem = web.NewProblem(a.problem.Status, a.problem.Code, e.Message) // names the header
	}
	if a.retryAfter != "" {
		w.Header().Set("Retry-After", a.retryAfter)
	}
	switch out {
	case outMethod:
		w.Header().Set("Allow", http.MethodPost)
	case outTooLarge, outSlow, outCut, outAstray:
		// The rest of the body may never come, or be long.
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	web.WriteProblem(w, a.problem)
}
