// Package api is the REST API and the event stream that the owner's app uses, with the
// documents that describe them.
package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// Store is what the API needs of the store.
type Store interface {
	store.Orders
	store.Deliveries
	store.Devices
	store.Shops
	store.People
	store.Invitations
	store.Sessions
	store.Tokens
	store.Stream
	store.Connections
	store.Statements
	store.Reconciling
	web.ExportStore
	store.AccessLog
	store.Answers
}

// Options are what the API works with.
type Options struct {
	Store      Store
	Auth       *web.Auth
	Problems   *web.Problems
	Proxies    web.Proxies
	MaxDevices int // in use at once, of one shop
	Listeners  int // streams open at once
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Version    string
	Mails      *web.SignInMails // nil: nobody signs in by mail
	URL        string           // where people reach bellhop; "" if nobody said
	Care       *web.Care
	Tests      *web.DeviceTests
}

// API is the REST API, with the stream of what changes.
type API struct {
	Options
	huma  huma.API
	hub   *hub
	reads *reads
}

// caller is the client and its connection, for handlers.
type caller struct {
	web.Principal
	client    web.Client
	https     bool
	languages string    // that it reads, as browsers say it
	again     *getOrder // the order of a change that was made before; nil else
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// ShopParam is a parameter of every call about a shop.
type ShopParam struct {
	Shop string `query:"shop" maxLength:"255" example:"demo.myshopify.com" doc:"The shop that it is about. A person with several shops names one; else it is 400 shop_required. An operator has all, and sees personal data as •••."`
}

// PageParam are the parameters of every list.
type PageParam struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"500" doc:"The next of the page before."`
}

func (s ShopParam) named() string { return s.Shop }

// about makes a call one about a shop.
func about[I interface{ named() string }, O any](
	do func(context.Context, web.Principal, *I) (*O, error),
) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		who, err := callerOf(ctx).About((*in).named())
		if err != nil {
			return nil, err
		}
		return do(ctx, who, in)
	}
}

// security names the credentials that a call takes: one of them is enough. A public call takes none, and one by
// an ID token of Shopify's checks that itself.
var security, public, byIDToken = []map[string][]string{{"token": {}}, {"cookie": {}}}, []map[string][]string{},
	[]map[string][]string{{"id_token": {}}}

// New registers every call of the API on mux, adds its documents, and follows what changes
// until [API.Close].
func New(mux *http.ServeMux, documents web.Prepared, o Options) (*API, error) {
	a := &API{Options: o, reads: newReads(&o), hub: newHub(o.Store, o.Log, o.Listeners, o.Registerer)}
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	a.huma = humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "bellhop", Version: o.Version,
				Description: aboutAPI,
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Servers:  []*huma.Server{{URL: cmp.Or(o.URL, "/"), Description: "This bellhop."}},
			Tags:     tags(),
			Security: security,
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token": {Type: "http", Scheme: "bearer",
						Description: "A session's token (bh_s_…) or an API token (bh_t_…)."},
					"id_token": {Type: "http", Scheme: "bearer", BearerFormat: "JWT",
						Description: "An ID token (session token) of Shopify's, for this app."},
					"cookie": {Type: "apiKey", In: "cookie", Name: web.CookieName, Description: "A browser's session."},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{ownProblems},
	})
	a.huma.OpenAPI().Components.Responses = a.problems()
	a.huma.UseMiddleware(a.enter)
	a.registerSessions()
	a.registerShops()
	a.registerConnections()
	a.registerPeople()
	a.registerTokens()
	a.registerMe()
	a.registerAccount()
	a.registerSettings()
	a.registerRota()
	a.registerMembers()
	a.registerInvitations()
	a.registerOrders()
	a.registerDevices()
	a.registerPushes()
	a.registerExchange()
	a.registerPrivacy()
	a.registerStatement()
	a.registerStream()
	a.finish()
	if err := addDocuments(documents, a.huma.OpenAPI()); err != nil {
		return nil, err
	}
	go a.hub.run()
	go a.reads.run()
	return a, nil
}

// Close ends the streams, and saves what API tokens have read.
func (a *API) Close() {
	a.hub.close()
	a.reads.close()
}

// register adds one call, such as GET /v1/orders. It takes credentials unless op is public. An error
// of its handler becomes a problem; only our own faults are logged.
func register[I, O any](a *API, id, call string, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	op.OperationID = id
	op.Method, op.Path, _ = strings.Cut(call, " ")
	op.Tags = strings.Split(op.Path, "/")[2:3]
	if op.Security == nil {
		op.Security = security
	}
	answersOf(&op)
	describeKey(&op, reflect.TypeFor[O]())
	op.MaxBodyBytes = web.MaxBody + 1 // the library refuses a body of this size
	handled := handle
	if read, ok := any(about(a.getOrder)).(func(context.Context, *getOrder) (*O, error)); ok {
		handled = func(ctx context.Context, in *I) (*O, error) {
			if again := callerOf(ctx).again; again != nil {
				return read(ctx, again)
			}
			return handle(ctx, in)
		}
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handled(ctx, in)
		if _, unchanged := errors.AsType[*unchangedError](err); err == nil || unchanged {
			return out, err
		}
		p, header := a.Problems.Of(ctx, op.OperationID, err), web.ProblemHeader(err)
		if _, ok := errors.AsType[*fieldError](err); ok {
			p.Errors = []web.FieldError{{Location: "body." + p.Code, Message: p.Detail}}
		}
		if changed, ok := errors.AsType[*changedError](err); ok {
			p.Handling = string(changed.handling)
			header.Set("ETag", changed.tag)
		}
		return nil, huma.ErrorWithHeaders(p, header)
	})
}

// fieldError is an error whose code names the wrong field of the body.
type fieldError struct{ error }

func (e *fieldError) Unwrap() error { return e.error }

// ofField marks an invalid field's error as one.
func ofField(err error) error {
	if bellhop.KindOf(err) == bellhop.Invalid {
		return &fieldError{err}
	}
	return err
}

// enter refuses a request without the credential that its call asks for.
func (a *API) enter(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	c := caller{client: a.Proxies.ClientOf(r), https: a.Proxies.HTTPS(r), languages: r.Header.Get("Accept-Language")}
	op := ctx.Operation()
	var err error
	if s := op.Security; len(s) > 0 && s[0]["id_token"] == nil {
		if c.Principal, err = a.Auth.Authenticate(r); err != nil {
			a.refuse(w, r, "authenticate", err)
			return
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	key, err := keyOf(r, op)
	if err != nil {
		a.refuse(w, r, op.OperationID, err)
		return
	}
	if key != "" && takesKey(op) {
		if !a.once(plainStatus{ctx}, c, key, next) {
			return
		}
	} else {
		next(plainStatus{huma.WithValue(ctx, callerKey{}, c)})
	}
	if ctx.Status() < http.StatusBadRequest {
		added := strings.TrimPrefix(w.Header().Get("Location"), "/v1/shops/") // a shop that was not there before
		shop := cmp.Or(r.PathValue("domain"), r.URL.Query().Get("shop"), added)
		web.LogChange(a.Log, a.Store, a.Now(), r, c.Principal, shop)
	}
}

// refuse answers before a call has begun.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, what string, err error) {
	for k, v := range web.ProblemHeader(err) {
		w.Header()[k] = v
	}
	if bellhop.CodeOf(err) == "in_progress" {
		w.Header().Set("Retry-After", "1")
	}
	web.WriteProblem(w, a.Problems.Of(r.Context(), what, err))
}

// plainStatus answers 400 where the library would answer 422: one kind of error has one
// status here.
type plainStatus struct{ humaContext }

// humaContext exists since an embedded Context would hide its method of that name.
type humaContext = huma.Context

func (c plainStatus) Unwrap() huma.Context { return c.humaContext }

func (c plainStatus) SetStatus(status int) { c.humaContext.SetStatus(plain(status)) }

func plain(status int) int {
	if status == http.StatusUnprocessableEntity {
		return http.StatusBadRequest
	}
	return status
}

// ownProblems turns the library's errors into a [web.Problem]. The library repeats what the
// client sent, maybe a password; a Problem never does.
func ownProblems(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := web.NewProblem(plain(e.Status), "", inWords(e.Detail))
	for _, d := range e.Errors {
		if d != nil {
			p.Errors = append(p.Errors, web.FieldError{Location: d.Location, Message: inWords(d.Message)})
		}
	}
	if len(p.Errors) > 0 {
		p.Detail = problemWords(p.Errors[0])
	}
	return p, nil
}

// jsonFormat writes an answer whole or not at all. It ignores a client that has gone: the
// library would panic.
var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		body, err := json.Marshal(v)
		if err == nil {
			_, _ = w.Write(append(body, '\n'))
		}
		return err
	},
	Unmarshal: json.Unmarshal,
}
