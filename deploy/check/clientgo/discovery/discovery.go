// Package discovery replaces the client that asks a cluster for its types: there is no cluster, and
// it says so.
package discovery

import (
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Client is never made.
type Client struct{}

// NewDiscoveryClientForConfig refuses.
func NewDiscoveryClientForConfig(*rest.Config) (*Client, error) {
	return nil, errors.New("there is no cluster to ask")
}

// ServerResourcesForGroupVersion is never called.
func (*Client) ServerResourcesForGroupVersion(string) (*metav1.APIResourceList, error) {
	return nil, errors.New("there is no cluster to ask")
}
