// Package kubernetes stands in for the clients of Kubernetes' API, of which Helm's
// engine wants no more than that they are there.
package kubernetes
