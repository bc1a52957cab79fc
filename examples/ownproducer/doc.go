// Package ownproducer is a server for Node that takes webhooks itself and puts them into bellhop's queue. Its tests run
// it; docs/own-producer.md explains it.
package ownproducer
