package lambdaruntime

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

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

// newURLEvent is a request as a function URL hands it on, payload format 2.0
// (https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html): header names in
// lower case, values of one name joined by commas, a body that is no text in base64.
func newURLEvent(r *http.Request, body []byte) map[string]any {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	headers := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	content, binary := string(body), !isText(r.Header.Get("Content-Type")) || !utf8.Valid(body)
	if binary {
		content = base64.StdEncoding.EncodeToString(body)
	}
	return map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": r.URL.EscapedPath(), "rawQueryString": r.URL.RawQuery,
		"headers": headers, "body": content, "isBase64Encoded": binary,
		"requestContext": map[string]any{
			"accountId": "anonymous", "apiId": "function-url", "domainName": r.Host, "requestId": "", "routeKey": "$default",
			"stage": "$default", "timeEpoch": time.Now().UnixMilli(),
			"http": map[string]string{"method": r.Method, "path": r.URL.EscapedPath(), "protocol": r.Proto, "sourceIp": host,
				"userAgent": r.UserAgent()},
		},
	}
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
		StatusCode      int
		Headers         map[string]string
		Body            string
		IsBase64Encoded bool
		Cookies         []string
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
