package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rs/cors"
)

// apiPaths are what pages of other origins may ask for.
const apiPaths = "/v1/"

// shared lets pages of some other origins read the API: apps in a WebView, whose origin
// is capacitor://localhost or the like. They bring a token; cookies are not shared.
func shared(next http.Handler, origins []string) http.Handler {
	if len(origins) == 0 {
		return next
	}
	api := cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Last-Event-ID", "If-Match"},
		ExposedHeaders: []string{"Retry-After", "ETag"},
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

// sameSite refuses what another site's page makes a browser send. A cookie that
// is SameSite=Lax already stays behind; this holds without that too. A bearer token no
// browser sends by itself: whoever brings one is asked for nothing else, and a cookie
// beside it doesn't count. The same goes for the API and the origins that it is shared with.
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
