package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"time"
)

//go:embed console/*.css console/*.js console/*.svg
var assetFiles embed.FS

// routeAssets serves what the pages load. Browsers ask each time whether it is
// still the same, so that a new version is never mixed with an old page.
func routeAssets(mux *http.ServeMux) {
	for name, contentType := range map[string]string{
		"console.css": "text/css; charset=utf-8",
		"console.js":  "text/javascript; charset=utf-8",
		"icon.svg":    "image/svg+xml",
	} {
		body, err := assetFiles.ReadFile("console/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		etag := fmt.Sprintf(`"%x"`, sha256.Sum256(body))
		mux.HandleFunc("GET /assets/"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Cache-Control", "no-cache")
			w.Header().Set("ETag", etag)
			http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
		})
	}
}
