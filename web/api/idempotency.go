package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// A change with an Idempotency-Key is made once within a day (draft-ietf-httpapi-idempotency-key-header). The store has
// no order of an answer, and so no customer's data a second time: one that comes again reads the order as it is now.

const keyHeader = "Idempotency-Key"

// keyedTime bounds a change with a key, so that nobody else gets its key while it is at work ([store.AnswerLease]).
const keyedTime = time.Minute

// secretCalls answer with a secret, which nothing keeps.
var secretCalls = []string{"create-session", "refresh-session", "sign-up", "put-password", "post-token", "post-link",
	"post-invitation", "exchange-id-token"}

var (
	errKey = bellhop.Invalidf("idempotency_key",
		"an Idempotency-Key is one of 1 to 255 printable characters of ASCII")
	errKeyOfSecret = bellhop.Invalidf("idempotency_key_unsupported",
		"this call takes no Idempotency-Key: its answer has a secret, which bellhop does not keep")
)

// wholeOrders marks, in an operation, that its answer is an order.
const wholeOrders = "an order"

// takesKey reports whether a call can be repeated with a key.
func takesKey(op *huma.Operation) bool {
	return op.Method != http.MethodGet && len(op.Security) > 0 && !slices.Contains(secretCalls, op.OperationID)
}

// describeKey adds the header to a call that takes it.
func describeKey(op *huma.Operation, answer reflect.Type) {
	op.Metadata = map[string]any{wholeOrders: answer == reflect.TypeFor[orderBody]()}
	if !takesKey(op) {
		return
	}
	least, most := 1, 255
	op.Parameters = append(op.Parameters, &huma.Param{Name: keyHeader, In: "header",
		Example: "8e03978e-40d5-43e8-bc93-6894a57f9324",
		Description: "A new one for each change, such as a UUID. Sent again with it within a day, the request is not made " +
			"again: it gets the first answer, with Idempotency-Replayed: true. 400 idempotency_key_reused: another request " +
			"has the key. 409 in_progress: the first is under way.",
		Schema: &huma.Schema{Type: huma.TypeString, MinLength: &least, MaxLength: &most}})
}

// keyOf returns a request's key, "" without one.
func keyOf(r *http.Request, op *huma.Operation) (string, error) {
	values := r.Header.Values(keyHeader)
	switch {
	case len(values) == 0 || op.Method == http.MethodGet:
		return "", nil
	case slices.Contains(secretCalls, op.OperationID):
		return "", errKeyOfSecret
	case len(values) > 1 || len(values[0]) < 1 || len(values[0]) > 255:
		return "", errKey
	}
	for _, b := range []byte(values[0]) {
		if b < ' ' || b > '~' {
			return "", errKey
		}
	}
	return values[0], nil
}

// answerKey is a key with what it is for. What an identity token opens is part of the request: a narrower one gets no
// answer about other shops. A session opens what the person has, which the change itself may be about.
func answerKey(r *http.Request, who web.Principal, key string, body []byte) store.AnswerKey {
	owner := "person/" + web.ID(who.Person.ID)
	if who.Person.ID == 0 {
		owner = fmt.Sprintf("token/%x", who.Credential.Hash)
	}
	var opens []bellhop.Membership
	if who.Credential.JWT != "" {
		opens = who.Shops()
	}
	request, _ := json.Marshal([]any{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Values("If-Match"), body,
		opens}) // texts
	shop, _ := bellhop.ParseShopDomain(cmp.Or(r.PathValue("domain"), r.URL.Query().Get("shop"), who.Shop))
	return store.AnswerKey{Owner: owner, Shop: shop, Key: sha256.Sum256([]byte(key)), Request: sha256.Sum256(request)}
}

// once makes a change with a key, unless it was made before. The client's going does not end it. It reports whether
// the change was made now.
func (a *API) once(ctx huma.Context, c caller, key string, next func(huma.Context)) bool {
	r, w := humago.Unwrap(ctx)
	body, err := io.ReadAll(io.LimitReader(r.Body, web.MaxBody+2))
	if r.Body = io.NopCloser(bytes.NewReader(body)); err != nil || len(body) > web.MaxBody {
		next(huma.WithValue(ctx, callerKey{}, c)) // which refuses it
		return false
	}
	k := answerKey(r, c.Principal, key, body)
	id, kept, err := a.Store.BeginAnswer(r.Context(), k, a.Now())
	if err != nil {
		a.refuse(w, r, "begin-answer", err)
		return false
	}
	if id != 0 {
		a.answerOnce(ctx, c, k.Owner, id, next)
		return true
	}
	w.Header().Set("Idempotency-Replayed", "true")
	if ctx.Operation().Metadata[wholeOrders] == true && kept.Status < http.StatusBadRequest {
		c.again = &getOrder{OrderParam: OrderParam{ShopParam{r.URL.Query().Get("shop")}, r.PathValue("id")}}
		next(huma.WithValue(ctx, callerKey{}, c))
		return false
	}
	for name, value := range map[string]string{"Content-Type": kept.Type, "Location": kept.Location} {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	ctx.SetStatus(kept.Status)
	if len(kept.Body) > 0 {
		_, _ = w.Write(kept.Body) // the client is gone if this fails
	}
	return false
}

// answerOnce makes a change, and keeps its answer. If the process dies in between, the next one with the key makes it
// again: all changes state what is to be, so that this does no harm but to what somebody else changed since.
func (a *API) answerOnce(ctx huma.Context, c caller, owner string, id int64, next func(huma.Context)) {
	whole := context.WithoutCancel(ctx.Context())
	limited, cancel := context.WithTimeout(whole, keyedTime)
	defer cancel()
	to := &keptContext{humaContext: huma.WithValue(huma.WithContext(ctx, limited), callerKey{}, c)}
	var answer store.Answer
	defer func() { // also after a panic
		ending, cancel := context.WithTimeout(whole, keyedTime/4)
		defer cancel()
		if err := a.Store.EndAnswer(ending, owner, id, answer); err != nil {
			a.Problems.Of(ending, "end-answer", err)
		}
	}()
	next(to)
	_, w := humago.Unwrap(ctx)
	if s := ctx.Status(); lasting(s) {
		answer = store.Answer{Status: s, Type: w.Header().Get("Content-Type"), Location: w.Header().Get("Location"),
			Body: to.body.Bytes()}
		if ctx.Operation().Metadata[wholeOrders] == true && s < http.StatusBadRequest {
			answer.Body = nil
		}
	}
	if answer.Size() > store.MaxAnswer {
		answer = store.Answer{} // no call has one
	}
}

// lasting reports whether an answer is the same the next time: others ask to come again.
func lasting(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return status >= http.StatusOK && status < http.StatusInternalServerError
}

// keptContext keeps the body that it writes.
type keptContext struct {
	humaContext
	body bytes.Buffer
}

func (c *keptContext) Unwrap() huma.Context { return c.humaContext }

func (c *keptContext) BodyWriter() io.Writer {
	return io.MultiWriter(&c.body, c.humaContext.BodyWriter())
}
