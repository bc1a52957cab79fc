package api

import (
	"cmp"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"bellhop/web"
)

const (
	schemaRef   = "#/components/schemas/"
	responseRef = "#/components/responses/"
)

// tags are the parts of the API, in the order of its page. The first part of a path is its tag.
func tags() []*huma.Tag {
	return []*huma.Tag{
		tag("sessions", "Sessions", "A session is somebody's sign-in. Its token goes with each further call."),
		tag("me", "You", "The person behind a session: who it is, of which shops, all that bellhop keeps of them."),
		tag("settings", "Your settings", "What somebody wants to be told of, when, and in which language."),
		tag("orders", "Orders", "The orders of a shop, as they are now, and how far somebody has got with each."),
		tag("counts", "Counts", "How many orders are new and to handle, for an app's badge."),
		tag("stream", "Follow changes", "What changes, as server-sent events, for an app that is open."),
		tag("pushes", "Pushes", "The delivery log: each push with its device and what became of it."),
		tag("devices", "Devices", "Phones and browsers that pushes go to."),
		tag("statement", "Is every order here?", "What Shopify has of a shop's orders beside what bellhop has."),
		tag("shop", "A shop's settings", "What the owners of a shop set for everybody in it."),
		tag("rota", "Rota", "Whom an order rings, in order, until somebody takes it."),
		tag("people", "People", "Who belongs to a shop, and as what."),
		tag("invitations", "Invitations", "How somebody joins a shop."),
		tag("access-log", "Access log", "Who saw or exported a shop's personal data."),
		tag("privacy", "Personal data", "Requests to give or forget a customer's data, and what was done for each."),
		tag("shops", "Shops", "For operators, and for servers that install shops: shops, their secrets, access and tokens."),
	}
}

func tag(name, title, about string) *huma.Tag {
	return &huma.Tag{Name: name, Description: about, Extensions: map[string]any{"x-displayName": title}}
}

const aboutAPI = "Orders of a Shopify shop, the pushes that they owe, and the devices these go to.\n\n" +
	"Sign in with POST /v1/sessions, and send the token with each call: `Authorization: Bearer TOKEN`. " +
	"Ids are strings, amounts are strings in the currency's own digits, times are RFC 3339. Lists come in pages: pass " +
	"next as cursor for the next one. Answers may gain fields in later versions.\n\n" +
	"Every answer that isn't 2xx is a problem (RFC 9457) with a stable code."

// problems are the answers that calls share.
func (a *API) problems() map[string]*huma.Response {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[web.Problem](), true, "Problem")
	answer := func(about string, example *web.Problem) *huma.Response {
		return &huma.Response{Description: about,
			Content: map[string]*huma.MediaType{web.ProblemType: {Schema: schema, Example: example}}}
	}
	invalid := web.NewProblem(http.StatusBadRequest, "", "limit: give 200 or less")
	invalid.Errors = []web.FieldError{{Location: "query.limit", Message: "give 200 or less"}}
	other := answer("Another problem. The code tells which.", web.ProblemOf(web.ErrNoShop))
	other.Headers = map[string]*huma.Param{"Retry-After": {
		Description: "With 429 and 503: after how many seconds to try again.",
		Schema:      &huma.Schema{Type: huma.TypeInteger, Examples: []any{5}},
	}}
	return map[string]*huma.Response{
		"Invalid":         answer("The request is wrong.", invalid),
		"Unauthenticated": answer("Nobody is signed in, or the credential ran out.", web.ProblemOf(web.ErrSignIn)),
		"Problem":         other,
	}
}

// answersOf adds the problems that a call answers with.
func answersOf(op *huma.Operation) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["400"] = &huma.Response{Ref: responseRef + "Invalid"}
	if len(op.Security) > 0 {
		op.Responses["401"] = &huma.Response{Ref: responseRef + "Unauthenticated"}
	}
	op.Responses["default"] = &huma.Response{Ref: responseRef + "Problem"}
}

// finish makes the document one that generators like, once every call is in it.
func (a *API) finish() {
	doc := a.huma.OpenAPI()
	registry := doc.Components.Schemas
	// The library's own shape of an error is in the document although ownProblems keeps it from being sent.
	delete(registry.Map(), "ErrorModel")
	delete(registry.Map(), "ErrorDetail")
	openAnswers(doc)
	registry.Map()["ProblemCode"] = problemCodes()
	code := registry.Map()["Problem"].Properties["code"]
	registry.Map()["Problem"].Properties["code"] = &huma.Schema{Ref: schemaRef + "ProblemCode",
		Description: code.Description}
	for _, op := range operations(doc) {
		plainSchemas(registry, op)
		giveExamples(registry, op)
	}
}

// openAnswers lets answers gain fields in later versions. A request with an unknown field
// stays invalid.
func openAnswers(doc *huma.OpenAPI) {
	closed := map[string]bool{}
	for _, op := range operations(doc) {
		if op.RequestBody != nil {
			closed[contentOf(op.RequestBody.Content)] = true
		}
	}
	for name, schema := range doc.Components.Schemas.Map() {
		if !closed[name] {
			schema.AdditionalProperties = nil
		}
	}
}

// operations are the calls by path.
func operations(doc *huma.OpenAPI) (all []*huma.Operation) {
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		item := doc.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	return all
}

func problemCodes() *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Description: "What went wrong, for programs. docs/problems.md says of each " +
		"when it comes and what to do. A later version may have more: treat one that you don't know by the status."}
	for _, g := range web.Codes() {
		for _, c := range g.Codes {
			s.Enum = append(s.Enum, c.Code)
		}
	}
	slices.SortFunc(s.Enum, func(x, y any) int { return cmp.Compare(x.(string), y.(string)) })
	return s
}

// plainSchemas takes out what only the library knows, and the defaults of bodies: generators take a field with one for
// required. The library keeps both for itself.
func plainSchemas(registry huma.Registry, op *huma.Operation) {
	for _, p := range op.Parameters {
		p.Schema.PatternDescription = ""
	}
	if op.RequestBody == nil {
		return
	}
	for _, p := range bodyOf(registry, op.RequestBody.Content).Properties {
		p.PatternDescription, p.Default = "", nil
	}
}

// bodyOf is the schema of a request or answer, without references; nil for none.
func bodyOf(registry huma.Registry, content map[string]*huma.MediaType) *huma.Schema {
	for _, m := range content {
		return resolved(registry, m.Schema)
	}
	return nil
}

func resolved(registry huma.Registry, s *huma.Schema) *huma.Schema {
	for s != nil && s.Ref != "" {
		s = registry.Map()[strings.TrimPrefix(s.Ref, schemaRef)]
	}
	return s
}
