package lambdahost

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// requestOf returns the HTTP request in an event of a function URL, payload
// format 2.0 (https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html).
func requestOf(ctx context.Context, payload []byte) (*http.Request, error) {
	var e events.LambdaFunctionURLRequest
	if err := read(payload, "a request to a function URL", &e); err != nil {
		return nil, err
	}
	if e.Version != "2.0" || e.RequestContext.HTTP.Method == "" {
		return nil, notOurs("this is not a request to a function URL; let a function URL call this function")
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, notOurs("the request's body is not base64")
		}
	}
	r, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, "/", io.NopCloser(bytes.NewReader(body)))
	if err != nil {
		return nil, notOurs("the request's method is no method")
	}
	path, err := url.PathUnescape(e.RawPath)
	if err != nil {
		return nil, notOurs("the request's path is no path")
	}
	r.URL = &url.URL{Path: path, RawQuery: e.RawQueryString}
	r.ContentLength, r.RequestURI = int64(len(body)), e.RawPath
	r.RemoteAddr, r.Host = e.RequestContext.HTTP.SourceIP, e.RequestContext.DomainName
	r.Header = headersOf(e.Headers)
	return r, nil
}

// headersOf splits Shopify's headers, which Lambda joins by commas: they hold none, and
// the webhook handler refuses a header that came twice.
func headersOf(given map[string]string) http.Header {
	h := make(http.Header, len(given))
	for name, value := range given {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if strings.HasPrefix(name, "X-Shopify-") {
			h[name] = append(h[name], strings.Split(value, ",")...)
		} else {
			h[name] = append(h[name], value)
		}
	}
	return h
}

// answer keeps what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

func (a *answer) response() events.LambdaFunctionURLResponse {
	a.WriteHeader(http.StatusOK) // as net/http does for a handler that wrote nothing
	out := events.LambdaFunctionURLResponse{StatusCode: a.status, Body: a.body.String(), Headers: map[string]string{}}
	for name, values := range a.header {
		out.Headers[name] = strings.Join(values, ",")
	}
	return out
}

// unavailable makes Shopify try again.
func unavailable() events.LambdaFunctionURLResponse {
	return events.LambdaFunctionURLResponse{StatusCode: http.StatusServiceUnavailable,
		Headers: map[string]string{"Retry-After": "10"}}
}
