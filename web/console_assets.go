package web

import (
	"embed"
	"net/http"
	"strings"
)

//go:embed console/*.css console/*.js console/*.svg console/*.png console/*.webmanifest
var assetFiles embed.FS

// addAssets adds what the pages load.
func addAssets(to prepared) {
	for path, contentType := range map[string]string{
		"/assets/console.css":     "text/css; charset=utf-8",
		"/assets/console.js":      "text/javascript; charset=utf-8",
		"/assets/stream.js":       "text/javascript; charset=utf-8",
		"/assets/browser.js":      "text/javascript; charset=utf-8",
		"/assets/subscription.js": "text/javascript; charset=utf-8",
		"/assets/icon.svg":        "image/svg+xml",
		"/assets/icon-192.png":    "image/png",
		"/assets/icon-512.png":    "image/png",
		// They are at the top since that is what they are about.
		"/worker.js":       "text/javascript; charset=utf-8",
		"/app.webmanifest": "application/manifest+json",
	} {
		name := path[strings.LastIndexByte(path, '/')+1:]
		body, err := assetFiles.ReadFile("console/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		header := http.Header{}
		header.Set("Content-Type", contentType)
		header.Set("Content-Security-Policy", pagePolicy) // the worker's own requests go by it
		to.add(path, header, body)
	}
}
