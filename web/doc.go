// Package web is what bellhop's HTTP products share: who is signed in, problems, limits,
// and what stands before every request. The products are folders of their own:
// web/webhook, web/api and web/console; web/site assembles them.
//
// [HTTPServer] bounds what no product sees yet: connections, and what they hold
// (conns.go, held.go, bodies.go).
package web
