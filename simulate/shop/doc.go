// Package shop is the twin of Shopify's admin: what an app sees of a shop beside its webhooks. It is a server
// with the pages that install an app (OAuth), its tokens, the Admin API in GraphQL over the orders that the twin
// makes, and the subscriptions that these orders are delivered to.
//
// It refuses what Shopify refuses, in Shopify's words, and fails on request ([Faults]). Its addresses are
// Shopify's below a shop's domain, such as /demo.myshopify.com/admin/oauth/authorize, so that one server has
// many shops. Its own controls are below /_/.
package shop
