package webhook

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop/web"
)

// outcome is how one webhook ended. It has a metric's label and an answer.
type outcome uint8

const (
	outAccepted outcome = iota
	outMethod
	outAstray
	outEncoded
	outInvalid
	outUnauthenticated
	outTooLarge
	outSlow
	outCut
	outBusy
	outUnavailable
	outInternal
	outPanic
	outGone
)

// done reports whether Accept has let go of the body.
func (o outcome) done() bool {
	switch o {
	case outAccepted, outInvalid, outUnauthenticated, outTooLarge:
		return true
	}
	return false
}

// status is the answer's status.
func (o outcome) status() int {
	if p := answers[o].problem; p != nil {
		return p.Status
	}
	return http.StatusOK
}

// answer is the answer to a sender. No answer says why a signature failed.
type answer struct {
	label      string
	problem    *web.Problem
	retryAfter string
}

var answers = [...]answer{
	outAccepted: {label: "accepted"},
	outMethod: {label: "method", problem: web.NewProblem(http.StatusMethodNotAllowed, "",
		"send webhooks with POST")},
	outEncoded: {label: "encoded", problem: web.NewProblem(http.StatusUnsupportedMediaType, "",
		"send the body without a Content-Encoding; the signature is over its own bytes")},
	outInvalid: {label: "invalid", problem: web.NewProblem(http.StatusBadRequest, "",
		"a header of Shopify's comes more than once")},
	outUnauthenticated: {label: "unauthenticated", problem: web.NewProblem(http.StatusUnauthorized, "",
		"X-Shopify-Hmac-Sha256, or Shopify-Hmac-Sha256 of an Event, is missing, or signs this body with a secret "+
			"that bellhop does not know")},
	outAstray: {label: "astray", problem: web.NewProblem(http.StatusNotFound, "",
		"webhooks go to "+Path)},
	outTooLarge: {label: "too_large", problem: web.NewProblem(http.StatusRequestEntityTooLarge, "",
		"the webhook's body is too large")},
	outSlow: {label: "slow", problem: web.NewProblem(http.StatusRequestTimeout, "",
		"the body took too long to arrive")},
	outCut: {label: "cut", problem: web.NewProblem(http.StatusBadRequest, "body_cut",
		"the body ended early")},
	outBusy: {label: "busy", retryAfter: "1", problem: web.NewProblem(http.StatusServiceUnavailable, "busy",
		"too many webhooks are waiting; send it again")},
	outUnavailable: {label: "unavailable", retryAfter: "5", problem: web.NewProblem(http.StatusServiceUnavailable, "",
		"webhooks can't be stored at the moment; send it again")},
	outInternal: {label: "internal", retryAfter: "5", problem: web.NewProblem(http.StatusInternalServerError, "",
		"something went wrong on our side; send it again")},
	outPanic: {label: "panic", problem: web.NewProblem(http.StatusInternalServerError, "",
		"something went wrong on our side; send it again")},
	outGone: {label: "gone", retryAfter: "1", problem: web.NewProblem(http.StatusServiceUnavailable, "busy",
		"the request ended before bellhop answered; send it again")},
}

// metrics are looked up once, so that counting is cheap.
type metrics struct {
	outcomes [len(answers)]prometheus.Counter
	seconds  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	outcomes := f.NewCounterVec(prometheus.CounterOpts{
		Name: "bellhop_webhooks_total",
		Help: "Webhooks by what they came to.",
	}, []string{"outcome"})
	m := &metrics{seconds: f.NewHistogram(prometheus.HistogramOpts{
		Name:    "bellhop_webhook_seconds",
		Help:    "Seconds from a webhook's header to its answer.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	})}
	for o, a := range answers {
		m.outcomes[o] = outcomes.WithLabelValues(a.label)
	}
	return m
}

func (m *metrics) observe(o outcome, d time.Duration) {
	m.outcomes[o].Inc()
	m.seconds.Observe(d.Seconds())
}
