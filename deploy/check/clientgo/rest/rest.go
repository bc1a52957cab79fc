// Package rest stands in for how a cluster is reached: here there is none.
package rest

// Config says how a cluster is reached.
type Config struct{}
