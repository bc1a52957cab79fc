package console

import (
	"embed"
	"net/http"
	"strings"

	"bellhop/web"
)

//go:embed *.css *.js *.svg *.png *.webmanifest
var assetFiles embed.FS

// addAssets adds what the pages load.
func addAssets(to web.Prepared) {
	for path, contentType := range map[string]string{
		"/assets/console.css":     "text/css; charset=utf-8",
		"/assets/console.js":      "text/javascript; charset=utf-8",
		"/assets/stream.js":       "text/javascript; charset=utf-8",
		"/assets/browser.js":      "text/javascript; charset=utf-8",
		"/assets/subscription.js": "text/javascript; charset=utf-8",
		"/assets/icon.svg":        "image/svg+xml",
		"/assets/icon-192.png":    "image/png",
		"/assets/icon-512.png":    "image/png",
		// They are at the top since they are about the whole site.
		"/worker.js":       "text/javascript; charset=utf-8",
		"/app.webmanifest": "application/manifest+json",
	} {
		name := path[strings.LastIndexByte(path, '/')+1:]
		body, err := assetFiles.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		header := http.Header{}
		header.Set("Content-Type", contentType)
		header.Set("Content-Security-Policy", web.PagePolicy) // the worker's own requests go by it
		to.Add(path, header, body)
	}
}
