package amazon

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/internal/wait"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// s3 makes the three requests of a bucket that bellhop needs. AWS's own client of S3
// knows a hundred more, and would be a tenth of the program.
type s3 struct {
	cfg    aws.Config
	url    string // of the bucket
	signer *v4.Signer
	skew   atomic.Int64 // how far S3's clock is ahead of this machine's, in nanoseconds
}

// bucketURL returns a URL with the bucket in the path at a stand-in, which has no name per bucket,
// and where TLS certificates would not match its name; else in the host.
func bucketURL(cfg aws.Config, bucket string) string {
	if endpoint := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), aws.ToString(cfg.BaseEndpoint)); endpoint != "" {
		return strings.TrimSuffix(endpoint, "/") + "/" + bucket
	}
	service, dual := "s3", ""
	for _, source := range cfg.ConfigSources {
		if s, ok := source.(interface {
			GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
		}); ok {
			if state, _, _ := s.GetUseFIPSEndpoint(context.Background()); state == aws.FIPSEndpointStateEnabled {
				service = "s3-fips"
			}
		}
		if s, ok := source.(interface {
			GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
		}); ok {
			if state, _, _ := s.GetUseDualStackEndpoint(context.Background()); state == aws.DualStackEndpointStateEnabled {
				dual = ".dualstack"
			}
		}
	}
	host := service + dual + "." + cfg.Region
	switch partition, _, _ := strings.Cut(cfg.Region, "-"); partition {
	case "cn":
		host += ".amazonaws.com.cn"
	case "eusc":
		host += ".amazonaws.eu"
	default: // isolated regions need AWS_ENDPOINT_URL_S3
		host += ".amazonaws.com"
	}
	if strings.Contains(bucket, ".") {
		return "https://" + host + "/" + bucket
	}
	return "https://" + bucket + "." + host
}

// do makes a request until it succeeds or the SDK would give up, too. It returns the
// answer, up to a byte more than a body may have.
func (s *s3) do(ctx context.Context, method, key string, header http.Header, body []byte) ([]byte, error) {
	retryer := s.cfg.Retryer()
	for attempt := 1; ; attempt++ {
		answer, err := s.once(ctx, method, key, header, body)
		if err == nil || attempt >= retryer.MaxAttempts() || !s.corrected(err) && !retryer.IsErrorRetryable(err) {
			return answer, err
		}
		delay, e := retryer.RetryDelay(attempt, err)
		if e != nil {
			return nil, err
		}
		if !wait.Pause(ctx, delay) {
			return nil, ctx.Err()
		}
	}
}

// corrected takes over S3's clock if S3 refused a request for its time.
func (s *s3) corrected(err error) bool {
	r, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || Code(err) != "RequestTimeTooSkewed" {
		return false
	}
	at, e := http.ParseTime(r.HTTPResponse().Header.Get("Date"))
	if e == nil {
		s.skew.Store(int64(time.Until(at)))
	}
	return e == nil
}

func (s *s3) once(ctx context.Context, method, key string, header http.Header, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+key, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	r.Header = header.Clone()
	r.Header.Set("X-Amz-Content-Sha256", hash)
	if method == http.MethodPut { // a bucket with object lock asks for it
		r.Header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:]))
	}
	credentials, err := s.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.signer.SignHTTP(ctx, credentials, r, hash, "s3", s.cfg.Region,
		time.Now().Add(time.Duration(s.skew.Load()))); err != nil {
		return nil, err
	}
	answer, err := s.cfg.HTTPClient.Do(r)
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, bellhop.MaxBody+1))
	if answer.StatusCode/100 != 2 {
		return nil, refusal(answer, text)
	}
	return text, err
}

// refusal is an answer as an error of the SDK. One to HEAD has no words.
func refusal(answer *http.Response, text []byte) error {
	said := struct{ Code, Message string }{Code: strings.ReplaceAll(http.StatusText(answer.StatusCode), " ", "")}
	_ = xml.Unmarshal(text, &said) // no XML says nothing
	return &awshttp.ResponseError{RequestID: answer.Header.Get("X-Amz-Request-Id"),
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: answer}, Err: &smithy.GenericAPIError{Code: said.Code,
				Message: said.Message}}}
}
