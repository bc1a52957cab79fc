package lambdaruntime

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// urlEvent is an HTTP request as a function URL hands it on, payload format 2.0
// (https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html).
type urlEvent struct {
	Version         string            `json:"version"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Headers         map[string]string `json:"headers"`
	RequestContext  urlContext        `json:"requestContext"`
	Body            string            `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type urlContext struct {
	AccountID  string  `json:"accountId"`
	APIID      string  `json:"apiId"`
	DomainName string  `json:"domainName"`
	HTTP       urlHTTP `json:"http"`
	RequestID  string  `json:"requestId"`
	RouteKey   string  `json:"routeKey"`
	Stage      string  `json:"stage"`
	TimeEpoch  int64   `json:"timeEpoch"`
}

type urlHTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// URL returns the handler of the function's URL: each request invokes the
// function.
func (f *Function) URL() http.Handler { return http.HandlerFunc(f.serveURL) }

func (f *Function) serveURL(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	if err != nil {
		http.Error(w, `{"Message":"Request Too Large"}`, http.StatusRequestEntityTooLarge)
		return
	}
	event, err := json.Marshal(newURLEvent(r, body))
	if err != nil {
		http.Error(w, `{"Message":null}`, http.StatusInternalServerError)
		return
	}
	result, err := f.Invoke(context.WithoutCancel(r.Context()), event)
	if err != nil || result.Failed {
		http.Error(w, "Internal Server Error", http.StatusBadGateway)
		return
	}
	answerURL(w, result.Payload)
}

// newURLEvent does as Lambda does: header names in lower case, values of one
// name joined by commas, a body that is no text in base64.
func newURLEvent(r *http.Request, body []byte) urlEvent {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	e := urlEvent{
		Version: "2.0", RouteKey: "$default", RawPath: r.URL.EscapedPath(), RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{"host": r.Host},
		RequestContext: urlContext{
			AccountID: "anonymous", APIID: "function-url", DomainName: r.Host, RouteKey: "$default", Stage: "$default",
			TimeEpoch: time.Now().UnixMilli(),
			HTTP: urlHTTP{Method: r.Method, Path: r.URL.EscapedPath(), Protocol: r.Proto, SourceIP: host,
				UserAgent: r.UserAgent()},
		},
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		e.Headers[strings.ToLower(name)] = strings.Join(r.Header[name], ",")
	}
	if e.IsBase64Encoded = !isText(r.Header.Get("Content-Type")) || !utf8.Valid(body); e.IsBase64Encoded {
		e.Body = base64.StdEncoding.EncodeToString(body)
	} else {
		e.Body = string(body)
	}
	return e
}

func isText(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	switch kind = strings.TrimSpace(kind); kind {
	case "application/json", "application/xml", "application/javascript", "application/x-www-form-urlencoded":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}

// answerURL writes a function's answer: a response in so many words, or any
// other JSON as it is.
func answerURL(w http.ResponseWriter, payload []byte) {
	var a struct {
		StatusCode      int               `json:"statusCode"`
		Headers         map[string]string `json:"headers"`
		Body            string            `json:"body"`
		IsBase64Encoded bool              `json:"isBase64Encoded"`
		Cookies         []string          `json:"cookies"`
	}
	if err := json.Unmarshal(payload, &a); err != nil || a.StatusCode == 0 {
		w.Header().Set("Content-Type", "application/json")
		w.Write(payload)
		return
	}
	body := []byte(a.Body)
	if a.IsBase64Encoded {
		body, _ = base64.StdEncoding.DecodeString(a.Body)
	}
	for name, value := range a.Headers {
		w.Header().Set(name, value)
	}
	for _, c := range a.Cookies {
		w.Header().Add("Set-Cookie", c)
	}
	w.WriteHeader(a.StatusCode)
	w.Write(body)
}
