// Package amazon is shared by bellhop's parts on AWS: the setup of the SDK, an event's form as a
// message of SQS, the bucket for bodies too large for one, and the meaning of AWS's errors.
package amazon

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"

	"bellhop"
)

// Settings say which AWS is meant.
type Settings struct {
	Region   string // such as "us-east-1"; "" takes it from the environment or the shared configuration
	Endpoint string // of a stand-in or a VPC endpoint, such as "http://127.0.0.1:4566"; "" is AWS itself
	// DualStack asks for AWS's endpoints that are reached by IPv6, too.
	DualStack bool
	// Dial connects to AWS; nil connects as Go does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Bounds of one request. After a late answer the SDK tries another connection: a NAT gateway
// silently drops packets of a connection that it has forgotten.
const (
	maxAttempts    = 3
	longestBackoff = time.Second
	dialTimeout    = 2 * time.Second
	// answerTimeout is counted from the moment the request is written.
	answerTimeout = 2 * time.Second
	// credentialsTimeout bounds the search for credentials, whose last step asks
	// an address that nothing may answer at.
	credentialsTimeout = 10 * time.Second
)

// Load sets the SDK up. Credentials come from the usual chain: environment,
// shared files, web identity, container, instance. Its errors are of kind
// bellhop.Invalid, one line with what to do.
func Load(ctx context.Context, s Settings) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, s.options()...)
	if err != nil {
		return aws.Config{}, &bellhop.Error{Kind: bellhop.Invalid, Code: "aws_config",
			Message: "AWS's shared configuration can't be used: check AWS_PROFILE and the files in ~/.aws", Cause: err}
	}
	if c, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok { // with the environment's own certificates by now
		cfg.HTTPClient = plainBodies{c}
	}
	if cfg.Region == "" {
		return aws.Config{}, bellhop.Invalidf("aws_region", "no AWS region is given: set AWS_REGION, such as us-east-1")
	}
	if s.Endpoint != "" {
		cfg.BaseEndpoint = aws.String(s.Endpoint)
	}
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		// The cause is a page of all attempts; some of it names files and
		// commands, none of it says more about what to do.
		return aws.Config{}, bellhop.Invalidf("aws_credentials",
			"no AWS credentials are found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or run "+
				"where a role is attached")
	}
	return cfg, nil
}

func (s Settings) options() []func(*config.LoadOptions) error {
	opts := []func(*config.LoadOptions) error{
		config.WithHTTPClient(s.client()),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = maxAttempts, longestBackoff
			})
		}),
	}
	if s.DualStack {
		opts = append(opts, config.WithUseDualStackEndpoint(aws.DualStackEndpointStateEnabled))
	}
	if s.Region != "" {
		opts = append(opts, config.WithRegion(s.Region))
	}
	return opts
}

func (s Settings) client() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			if s.Dial != nil {
				t.DialContext = s.Dial
			}
			t.ResponseHeaderTimeout = answerTimeout
			t.TLSHandshakeTimeout = dialTimeout
			t.MaxIdleConns, t.MaxIdleConnsPerHost = 128, 64 // more connections than this are never busy at once
		})
}

// Patient returns a copy of a configuration of [Load] that waits longer for the
// beginning of an answer, as a long poll must.
func Patient(cfg aws.Config, answer time.Duration) aws.Config {
	if p, ok := cfg.HTTPClient.(plainBodies); ok {
		cfg.HTTPClient = plainBodies{p.WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = answer })}
	}
	return cfg
}

// plainBodies hides the SDK bodies' WriteTo from net/http. The SDK closes a body
// when the answer's head arrives; WriteTo then returns io.EOF, net/http takes that
// for a fault and closes the connection. Nobody gets the events in that answer. It
// happens in one of some thousand requests on loopback.
type plainBodies struct{ *awshttp.BuildableClient }

func (p plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return p.BuildableClient.Do(r)
}

// String shows the settings in errors.
func (s Settings) String() string {
	if s.Endpoint == "" {
		return "region " + s.Region
	}
	return fmt.Sprintf("region %s at %s", s.Region, s.Endpoint)
}
