package shop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"bellhop/shopify/admin/schema"
)

// tokenHeader carries an access token, and versionHeader the version that answered.
const (
	tokenHeader   = "X-Shopify-Access-Token"
	versionHeader = "X-Shopify-API-Version"
)

// response is an answer in GraphQL.
type response struct {
	Data       json.RawMessage `json:"data,omitempty"`
	Errors     any             `json:"errors,omitempty"`
	Extensions map[string]any  `json:"extensions,omitempty"`
}

// question is what the app sends.
type question struct {
	Query     string         `json:"query"`
	Operation string         `json:"operationName"`
	Variables map[string]any `json:"variables"`
	base      string         // the address where it was asked
}

// serveGraphQL is POST /admin/api/{version}/graphql.json.
func (t *Twin) serveGraphQL(w http.ResponseWriter, r *http.Request, s *shop) {
	var in question
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"errors": "Bad Request"})
		return
	}
	if in.base = "http://" + r.Host; r.TLS != nil {
		in.base = "https://" + r.Host
	}
	t.mu.Lock()
	now := t.opt.Now()
	version, ok := s.serves(r.PathValue("version"))
	status, text := http.StatusNotFound, "Not Found"
	var answer response
	if ok {
		status, text = s.admit(r.Header.Get(tokenHeader), now)
	}
	if status == 0 {
		answer = t.ask(s, version, in, now)
	}
	broken := s.faults.Broken
	t.mu.Unlock()
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	if ok {
		w.Header().Set(versionHeader, version)
	}
	if status != 0 {
		writeJSON(w, status, map[string]string{"errors": text})
		return
	}
	broken.write(w, answer)
}

var versionForm = regexp.MustCompile(`^20\d\d-(01|04|07|10)$`)

// serves returns the version that answers a request for one: a retired version falls forward to the oldest that
// is left. ok is false for what is no version, or isn't out yet.
func (s *shop) serves(version string) (string, bool) {
	known := schema.Versions() // newest first
	oldest := known[len(known)-1]
	if slices.Contains(known, s.faults.Oldest) {
		oldest = s.faults.Oldest
	}
	switch {
	case !versionForm.MatchString(version) || version > known[0]:
		return "", false
	case version < oldest:
		return oldest, true
	}
	return version, true
}

// admit refuses a request before it is read; status is 0 if it may pass.
func (s *shop) admit(token string, now time.Time) (status int, text string) {
	switch {
	case s.faults.Away != 0:
		return s.faults.Away, map[int]string{402: "Unavailable Shop", 404: "Not Found", 423: "Locked"}[s.faults.Away]
	case s.faults.NotAllowed:
		return http.StatusForbidden, "[API] This app's requests are only allowed from the IP addresses on its allowlist"
	}
	switch standing := s.tokens.check(token, now); {
	case standing == standingDead || !s.installed:
		return http.StatusUnauthorized, "[API] Invalid API key or access token (unrecognized login or wrong password)"
	case standing == standingLasting && s.faults.MustExpire:
		return http.StatusForbidden, "[API] Non-expiring access tokens are no longer accepted for the Admin API. " +
			"Exchange it for an expiring offline access token."
	}
	return 0, ""
}

// schemas are read when they are first needed.
var schemas sync.Map // version to *ast.Schema

func schemaOf(version string) *ast.Schema {
	if s, ok := schemas.Load(version); ok {
		return s.(*ast.Schema)
	}
	s, err := schema.Load(version)
	if err != nil {
		panic(err) // a version of schema.Versions
	}
	schemas.Store(version, s)
	return s
}

// ask answers a query.
func (t *Twin) ask(s *shop, version string, in question, now time.Time) (r response) {
	sdl := schemaOf(version)
	doc, errs := gqlparser.LoadQueryWithRules(sdl, in.Query, rules.NewDefaultRules())
	if errs != nil {
		return invalid(errs)
	}
	op := doc.Operations.ForName(in.Operation)
	if op == nil {
		return invalid(gqlerror.List{{Message: fmt.Sprintf("No operation named %q", shorten(in.Operation))}})
	}
	vars, err := validator.VariableValues(sdl, op, in.Variables)
	if err != nil {
		return invalid(gqlerror.List{gqlerror.Wrap(err)})
	}
	e := &execution{schema: sdl, vars: vars}
	wanted := e.price(op)
	if wanted > maxCost {
		return response{Errors: []apiError{{Message: fmt.Sprintf("Query cost exceeds the single query max cost limit (%d).",
			maxCost), Extensions: map[string]any{"code": "MAX_COST_EXCEEDED", "maxCost": maxCost}}}}
	}
	if !s.bucket.take(float64(wanted), now) {
		return response{Errors: []apiError{{Message: "Throttled", Extensions: map[string]any{"code": "THROTTLED",
			"documentation": "https://shopify.dev/api/usage/rate-limits"}}},
			Extensions: map[string]any{"cost": s.cost(wanted, nil, now)}}
	}
	q := &request{Twin: t, shop: s, now: now, base: in.base, schema: sdl}
	e.cost = baseCost(op)
	r.Data = e.execute(op, q.root(op))
	s.bucket.giveBack(float64(wanted - e.cost))
	if e.errs != nil {
		r.Errors = e.errs
	}
	r.Extensions = map[string]any{"cost": s.cost(wanted, e.cost, now)}
	if q.searches != nil {
		r.Extensions["search"] = q.searches
	}
	return r
}

// invalid is the answer to what isn't a query of this schema.
func invalid(errs gqlerror.List) response { return response{Errors: errs} }

// write sends an answer, or what a fault makes of it.
func (b Broken) write(w http.ResponseWriter, r response) {
	switch b {
	case BrokenServer:
		writeJSON(w, http.StatusInternalServerError, map[string]string{"errors": "Internal Server Error"})
	case BrokenUnknown:
		writeHTML(w, statusUnknown, unknownError)
	case BrokenHTML:
		writeHTML(w, http.StatusOK, "<!DOCTYPE html>\n<title>Something went wrong</title>\n")
	case BrokenCut:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte(`{"data":{`))
		panic(http.ErrAbortHandler) // closes the connection in the middle of the answer
	default:
		writeJSON(w, http.StatusOK, r)
	}
}

func writeHTML(w http.ResponseWriter, status int, page string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(page))
}

// accessDenied is the refusal of a field for a scope.
func accessDenied(what, scope string) *apiError {
	needed := "`" + scope + "` access scope."
	return &apiError{Message: "Access denied for " + what + ". Required access: " + needed,
		Extensions: map[string]any{"code": "ACCESS_DENIED", "requiredAccess": needed,
			"documentation": "https://shopify.dev/api/usage/access-scopes"}}
}

// notApproved is the refusal of an object, or a field, with protected customer data.
func notApproved(what string) *apiError {
	return &apiError{Message: "This app is not approved to access the " + what + ". See " +
		"https://shopify.dev/docs/apps/launch/protected-customer-data for more details.",
		Extensions: map[string]any{"code": "ACCESS_DENIED",
			"documentation": "https://shopify.dev/docs/apps/launch/protected-customer-data"}}
}

// topicOf is the topic of an enum's value.
func topicOf(enum string) string {
	for _, prefix := range []string{"ORDERS_", "REFUNDS_", "FULFILLMENTS_", "ORDER_TRANSACTIONS_", "APP_", "SHOP_",
		"BULK_OPERATIONS_"} {
		if rest, ok := strings.CutPrefix(enum, prefix); ok {
			return strings.ToLower(strings.TrimSuffix(prefix, "_") + "/" + rest)
		}
	}
	return strings.ToLower(enum)
}

func enumOf(topic string) string { return strings.ToUpper(strings.ReplaceAll(topic, "/", "_")) }
