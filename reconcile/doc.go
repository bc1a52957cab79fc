// Package reconcile finds what bellhop lacks of a shop's orders, by comparing them with what Shopify has.
package reconcile
