// Package kubernetes replaces the clients of Kubernetes' API: Helm's engine only needs the package
// to exist.
package kubernetes
