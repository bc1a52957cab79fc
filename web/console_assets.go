package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"strings"
	"time"
)

//go:embed console/*.css console/*.js console/*.svg console/*.png console/*.webmanifest
var assetFiles embed.FS

// routeAssets serves what the pages load. Browsers ask each time whether it is
// still the same, so that a new version is never mixed with an old page.
func routeAssets(mux *http.ServeMux) {
	for path, contentType := range map[string]string{
		"/assets/console.css":  "text/css; charset=utf-8",
		"/assets/console.js":   "text/javascript; charset=utf-8",
		"/assets/browser.js":   "text/javascript; charset=utf-8",
		"/assets/icon.svg":     "image/svg+xml",
		"/assets/icon-192.png": "image/png",
		"/assets/icon-512.png": "image/png",
		// They are at the top since that is what they are about.
		"/worker.js":       "text/javascript; charset=utf-8",
		"/app.webmanifest": "application/manifest+json",
	} {
		name := path[strings.LastIndexByte(path, '/')+1:]
		body, err := assetFiles.ReadFile("console/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		etag := fmt.Sprintf(`"%x"`, sha256.Sum256(body))
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Cache-Control", "no-cache")
			w.Header().Set("Content-Security-Policy", pagePolicy) // the worker's own requests go by it
			w.Header().Set("ETag", etag)
			http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
		})
	}
}
