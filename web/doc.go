// Package web is shared by bellhop's HTTP products: auth, problems, limits, and the middleware
// before every request. The products are folders of their own:
// web/webhook, web/api, web/console and web/install; web/site assembles them.
//
// [HTTPServer] bounds connections and the memory that they hold (conns.go, held.go, bodies.go).
package web
