package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rs/cors"
)

// apiPaths are what pages of other origins may ask for.
const apiPaths = "/v1/"

// shared lets pages of some other origins read the API: apps in a WebView, such as those of
// capacitor://localhost. They send a token; they get no cookies.
func shared(next http.Handler, origins []string) http.Handler {
	if len(origins) == 0 {
		return next
	}
	api := cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Last-Event-ID", "If-Match", "If-None-Match",
			"Idempotency-Key"},
		ExposedHeaders: []string{"Retry-After", "ETag", "Idempotency-Replayed", retryIDToken},
		MaxAge:         600,
	}).Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, apiPaths) {
			api.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameSite refuses requests that another site's page makes a browser send. SameSite=Lax keeps
// the cookie back, too; this holds without it. No browser sends a bearer token by itself: a
// request with one passes, and its cookie doesn't count. The same goes for requests to the API
// from the origins that may read it.
func sameSite(next http.Handler, origins []string) http.Handler {
	guard := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		crossed := guard.Check(r) != nil
		switch {
		case strings.EqualFold(scheme, "Bearer"),
			crossed && strings.HasPrefix(r.URL.Path, apiPaths) && slices.Contains(origins, r.Header.Get("Origin")):
			r.Header.Del("Cookie")
		case crossed:
			WriteProblem(w, NewProblem(http.StatusForbidden, "cross_site",
				"this request comes from another site's page"))
			return
		}
		next.ServeHTTP(w, r)
	})
}
