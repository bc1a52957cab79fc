package admin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bellhop"
)

// Shop asks the Admin API of one shop. Many goroutines may use it at once, beside others that the same
// [App] made for the same shop: they share what is known of its budget.
type Shop struct {
	app           *App
	domain, token string

	// Reserve is the share of the shop's budget, from 0 to 1, that calls leave to others by waiting
	// until there is more: for work that has time. Set it before the first call.
	Reserve float64

	hides atomic.Bool // Shopify refuses customers' data: nobody asks for it again

	spent struct {
		mu       sync.Mutex
		requests int
		points   float64
	}
}

// Shop returns the Admin API of a shop, for a token of [Tokens].
func (a *App) Shop(domain, token string) *Shop { return &Shop{app: a, domain: domain, token: token} }

const (
	maxResult    = 8 << 20 // bytes; a page of orders has less than 2 MB
	maxThrottled = 5       // tries of a call that Shopify finds too early
)

// operation is one query or mutation: its name, and its text, which begins with that name.
type operation struct{ name, text string }

// do asks, and fills data with what the answer has, also beside a refusal of some of its fields. It
// waits while the shop's budget is too low, and tries again where Shopify does not answer.
func (s *Shop) do(ctx context.Context, op operation, variables map[string]any, data any) error {
	_, err := s.ask(ctx, op, variables, data)
	return err
}

// said is what an answer says beside its data.
type said struct {
	at        time.Time // its Date; zero where it has none
	version   string    // that answered
	requested float64   // the most that the query could have cost, in points; 0 where it doesn't say
}

// ask is do, and returns what the answer says beside its data.
func (s *Shop) ask(ctx context.Context, op operation, variables map[string]any, data any) (w said, err error) {
	body, err := json.Marshal(map[string]any{"query": op.text, "operationName": op.name, "variables": variables})
	if err != nil {
		return said{}, err
	}
	err = s.app.repeat(ctx, func() error {
		var err error
		w, err = s.paced(ctx, op, body, data)
		return err
	})
	return w, err
}

// paced makes one call when the budget allows it, again if Shopify finds it too early.
func (s *Shop) paced(ctx context.Context, op operation, body []byte, data any) (w said, err error) {
	budget := s.app.budget(s.domain)
	for range maxThrottled {
		if d := budget.take(s.app.now(), op.name, s.Reserve); d > 0 {
			if err := s.app.wait(ctx, d); err != nil {
				return said{}, s.interrupted(ctx, err)
			}
		}
		if w, err = s.once(ctx, budget, op, body, data); RefusalOf(err) != Throttled {
			return w, err
		}
	}
	return w, err
}

// interrupted is the error of a wait for budget that took longer than the caller has time.
func (s *Shop) interrupted(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return refuse(Throttled, s.domain, "%w", err)
	}
	return err
}

func (s *Shop) once(
	ctx context.Context, budget *budget, op operation, body []byte, data any,
) (w said, err error) {
	version := s.app.version()
	header := http.Header{"Content-Type": {"application/json"}, "X-Shopify-Access-Token": {s.token}}
	s.spend(1, 0)
	a, err := s.app.post(ctx, s.domain, "/admin/api/"+version+"/graphql.json", header, body, maxResult)
	if err != nil {
		return said{}, err
	}
	s.app.noteVersion(version, a.header.Get("X-Shopify-Api-Version"))
	w = said{at: a.date(), version: cmp.Or(s.app.Served(), version)}
	r, err := a.result(s.domain, op.name)
	if r != nil && r.Extensions.Cost != nil {
		budget.note(s.app.now(), op.name, r.Extensions.Cost)
		s.spend(0, r.Extensions.Cost.Actual)
		w.requested = r.Extensions.Cost.Requested
	}
	if RefusalOf(err) == Throttled && (r == nil || !r.Extensions.Cost.saysWhen()) {
		budget.hold(s.app.now(), cmp.Or(a.retryAfter(), holdFor))
	}
	if r == nil || err != nil && RefusalOf(err) != ProtectedData && RefusalOf(err) != ScopeMissing {
		return w, err
	}
	if unread := r.decode(s.domain, data); err == nil {
		err = unread
	}
	return w, err
}

func (s *Shop) spend(requests int, points float64) {
	s.spent.mu.Lock()
	defer s.spent.mu.Unlock()
	s.spent.requests += requests
	s.spent.points += points
}

// date is when Shopify answered, zero where it doesn't say.
func (a *answer) date() time.Time {
	at, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// noteVersion keeps which version Shopify served where it no longer has the wanted one.
func (a *App) noteVersion(wanted, served string) {
	if served == "" || served == wanted {
		a.served.Store(nil)
		return
	}
	served = bellhop.Clip(served, 20)
	a.served.Store(&served)
}

// result is the body of an answer to a query.
type result struct {
	Data       json.RawMessage `json:"data"`
	Errors     errorList       `json:"errors"`
	Extensions struct {
		Cost   *cost `json:"cost"`
		Search []struct {
			Warnings []struct {
				Field string `json:"field"`
				Code  string `json:"code"`
			} `json:"warnings"`
		} `json:"search"`
	} `json:"extensions"`
}

type queryError struct {
	Message    string `json:"message"`
	Extensions struct {
		Code           string `json:"code"`
		RequiredAccess string `json:"requiredAccess"`
	} `json:"extensions"`
}

// errorList is a list; a text where Shopify did not get as far as the query.
type errorList []queryError

func (l *errorList) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil && text != "" {
		*l = errorList{{Message: text}}
		return nil
	}
	return json.Unmarshal(b, (*[]queryError)(l))
}

// result reads an answer, with the error that it states. It is nil for one that is not a result.
func (a *answer) result(shop, name string) (*result, error) {
	switch {
	case a.status == http.StatusUnauthorized:
		return nil, refuse(AccessRevoked, shop, "%s: HTTP 401", name)
	case a.status == http.StatusNotFound:
		return nil, refuse(ShopUnavailable, shop, "%s: HTTP 404", name)
	case a.ofStatus() != "":
		return nil, refuse(a.ofStatus(), shop, "%s: HTTP %d", name, a.status)
	case a.status != http.StatusOK:
		return nil, fault(shop, "%s: HTTP %d", name, a.status)
	}
	r := &result{}
	if err := json.Unmarshal(a.body, r); err != nil && !isOfOtherType(err) || !isObject(a.body) {
		return nil, refuse(Unavailable, shop, "%s: the answer is not JSON", name)
	}
	return r, r.stated(shop, name)
}

// errTooDear says that a query costs more than Shopify ever takes. One that asks for less may pass.
var errTooDear = errors.New("the query costs more than a query may")

// isOfOtherType reports whether a value has a type that we don't expect. The rest was read.
func isOfOtherType(err error) bool {
	_, ok := errors.AsType[*json.UnmarshalTypeError](err)
	return ok
}

func isObject(body []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) }

// fault is an error of ours: no later call goes better.
func fault(shop, format string, args ...any) error {
	return &bellhop.Error{Kind: bellhop.Internal, Code: "admin_query",
		Message: shop + ": Shopify does not understand bellhop", Cause: fmt.Errorf(format, args...)}
}

// stated is the error that a result states, nil for none.
func (r *result) stated(shop, name string) error {
	for _, e := range r.Errors {
		if refusal := e.refusal(r.Extensions.Cost); refusal != "" {
			return refuse(refusal, shop, "%s: %s", name, strings.TrimSpace(code(e.Extensions.Code)+" "+e.access()))
		}
	}
	if len(r.Errors) > 0 {
		e := r.Errors[0]
		if e.Extensions.Code == "MAX_COST_EXCEEDED" || e.Extensions.Code == "THROTTLED" {
			return fault(shop, "%s: %w", name, errTooDear)
		}
		return fault(shop, "%s: %s %q", name, code(e.Extensions.Code), bellhop.Clip(e.Message, 200))
	}
	for _, search := range r.Extensions.Search {
		for _, w := range search.Warnings {
			// Shopify lists everything then, as if there were no filter.
			return fault(shop, "%s: %s of the filter's field %s", name, code(w.Code), code(w.Field))
		}
	}
	return nil
}

// refusal is what an error of a query means, "" for a fault of ours.
func (e queryError) refusal(c *cost) Refusal {
	switch e.Extensions.Code {
	case "THROTTLED":
		if c.exceedsAll() {
			return ""
		}
		return Throttled
	case "ACCESS_DENIED":
		if strings.Contains(e.Message, "not approved") {
			return ProtectedData
		}
		return ScopeMissing
	case "BAD_REQUEST":
		if strings.Contains(e.Message, "cursor") {
			return InvalidCursor
		}
	case "SHOP_INACTIVE":
		return ShopUnavailable
	case "INTERNAL_SERVER_ERROR", "TIMEOUT":
		return Unavailable
	}
	return ""
}

// access keeps the names of scopes of what an error asks for.
func (e queryError) access() string {
	var scopes []string
	for _, word := range strings.Fields(e.Extensions.RequiredAccess) {
		if word = code(word); strings.HasPrefix(word, "read_") || strings.HasPrefix(word, "write_") {
			scopes = append(scopes, word)
		}
	}
	return strings.Join(scopes, " ")
}

// decode fills data. There may be none beside a refusal.
func (r *result) decode(shop string, data any) error {
	if len(r.Data) == 0 || string(r.Data) == "null" {
		if len(r.Errors) > 0 {
			return nil
		}
		return refuse(Unavailable, shop, "the answer has no data")
	}
	if err := json.Unmarshal(r.Data, data); err != nil {
		return refuse(Unavailable, shop, "the answer has data of another form")
	}
	return nil
}
