// Package web is bellhop's HTTP: the endpoint that Shopify's webhooks go to,
// the REST API and event stream that the owner's app uses, health, and the console
// (console*.go, with its pages in console/). [New] assembles all of it; [NewWebhook] is the endpoint alone, for
// a team that mounts it in a server of its own.
//
// Webhooks and the API have separate bounds on how many requests are in flight,
// so that a flood of one doesn't slow the other. [HTTPServer] bounds what is not yet
// in flight: connections, and what they hold (conns.go, held.go, bodies.go).
package web
