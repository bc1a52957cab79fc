package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"bellhop"
	"bellhop/pipeline"
)

// Problem is an RFC 9457 problem. Programs go by Code, which is stable.
type Problem struct {
	Type   string       `json:"type" example:"about:blank" doc:"Always about:blank; the code tells problems apart."`
	Title  string       `json:"title" example:"Not Found" doc:"The status in words."`
	Status int          `json:"status" example:"404" doc:"The HTTP status."`
	Detail string       `json:"detail" example:"there is no such order" doc:"The error in words, for people."`
	Code   string       `json:"code" example:"not_found" doc:"The error's stable code, for programs."`
	Errors []FieldError `json:"errors,omitempty" nullable:"false" doc:"The errors in the request, one by one."`
	// Handling is that of an order that somebody else changed.
	Handling string `json:"handling,omitempty" enum:"new,seen,handled" doc:"With changed_meanwhile: what the order is now."`
}

// FieldError names a wrong part of a request. It never repeats what the client sent.
type FieldError struct {
	Location string `json:"location" example:"body.handling"`
	Message  string `json:"message"`
}

const ProblemType = "application/problem+json"

// statuses is the one table from kind to status.
var statuses = [...]int{
	bellhop.Internal:        http.StatusInternalServerError,
	bellhop.Invalid:         http.StatusBadRequest,
	bellhop.Unauthenticated: http.StatusUnauthorized,
	bellhop.Forbidden:       http.StatusForbidden,
	bellhop.NotFound:        http.StatusNotFound,
	bellhop.Conflict:        http.StatusConflict,
	bellhop.Outdated:        http.StatusPreconditionFailed,
	bellhop.TooLarge:        http.StatusRequestEntityTooLarge,
	bellhop.RateLimited:     http.StatusTooManyRequests,
	bellhop.Unavailable:     http.StatusServiceUnavailable,
}

// statusOf returns the status of an error's kind.
func statusOf(k bellhop.Kind) int {
	if int(k) < len(statuses) {
		return statuses[k]
	}
	return http.StatusInternalServerError
}

// codes are used where an error brings none.
var codes = map[int]string{
	http.StatusBadRequest:            "invalid",
	http.StatusUnauthorized:          "unauthenticated",
	http.StatusForbidden:             "cross_site",
	http.StatusNotFound:              "not_found",
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusNotAcceptable:         "not_acceptable",
	http.StatusRequestTimeout:        "too_slow",
	http.StatusConflict:              "conflict",
	http.StatusPreconditionFailed:    "changed_meanwhile",
	http.StatusRequestEntityTooLarge: "too_large",
	http.StatusUnsupportedMediaType:  "unsupported_media_type",
	http.StatusTooManyRequests:       "rate_limited",
	http.StatusServiceUnavailable:    "unavailable",
}

// NewProblem fills in what follows from the status.
func NewProblem(status int, code, detail string) *Problem {
	code = cmp.Or(code, codes[status], "internal")
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

// ProblemOf returns what the client may know of an error. An error that nobody classified is our
// own fault: only the log has it.
func ProblemOf(err error) *Problem {
	e, ok := errors.AsType[*bellhop.Error](err)
	if !ok || e.Kind == bellhop.Internal {
		return NewProblem(http.StatusInternalServerError, "", "something went wrong on our side; try again later")
	}
	return NewProblem(statusOf(e.Kind), e.Code, e.Message)
}

func WriteProblem(w http.ResponseWriter, p *Problem) {
	body, _ := json.Marshal(p) // strings and a number
	h := w.Header()
	h.Set("Content-Type", ProblemType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the client is gone if this fails
}

// GetStatus, Error and ContentType make it an error of the API's library.
func (p *Problem) GetStatus() int { return p.Status }

func (p *Problem) Error() string { return p.Detail }

// ContentType makes the answer application/problem+json.
func (p *Problem) ContentType(string) string { return ProblemType }

// Problems turns errors into problems, and logs what only we can mend.
type Problems struct {
	log  *slog.Logger
	away *pipeline.Trouble // to log that something is
}

func NewProblems(l *slog.Logger) *Problems {
	away := pipeline.NewTrouble(l, slog.LevelError, "requests can't be answered: something is away", "")
	return &Problems{log: l, away: away}
}

// Of returns the problem of an error. It logs each fault of our own, and now and then that
// something is away.
func (p *Problems) Of(ctx context.Context, what string, err error) *Problem {
	out := ProblemOf(err)
	switch {
	case ctx.Err() != nil:
	case out.Status == http.StatusInternalServerError:
		p.log.ErrorContext(ctx, "answering a request", "operation", what, "err", err)
	case out.Status == http.StatusServiceUnavailable:
		p.away.Happened("operation", what, "err", err)
	}
	return out
}

// ErrIDToken is the answer to a bad ID token of Shopify's. App Bridge gets a new one upon the header.
var ErrIDToken = bellhop.Errorf(bellhop.Unauthenticated, "invalid_id_token",
	"this is no ID token of Shopify's for this app, or it ran out: get a new one")

const retryIDToken = "X-Shopify-Retry-Invalid-Session-Request"

// ProblemHeader returns the headers of an error's answer.
func ProblemHeader(err error) http.Header {
	h := http.Header{}
	h.Set("Cache-Control", "no-store")
	switch bellhop.KindOf(err) {
	case bellhop.Unauthenticated:
		h.Set("WWW-Authenticate", "Bearer")
	case bellhop.Unavailable:
		h.Set("Retry-After", "5")
	}
	if errors.Is(err, ErrIDToken) {
		h.Set(retryIDToken, "1")
	}
	if retry, ok := errors.AsType[*RetryError](err); ok {
		h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(retry.After.Seconds())))))
	}
	return h
}
