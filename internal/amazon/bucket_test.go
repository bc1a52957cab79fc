package amazon_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"bellhop"
	"bellhop/internal/amazon"
)

func TestMain(m *testing.M) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_SESSION_TOKEN":         "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_PROFILE": ""} {
		os.Setenv(name, value)
	}
	os.Exit(m.Run())
}

// shelf is a bucket over HTTP.
type shelf struct {
	mu      sync.Mutex
	objects map[string][]byte
	headers []http.Header // of objects put
	status  int           // answers everything, unless 0
	ahead   time.Duration // of the clock by which requests are refused
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	object, there := s.objects[r.URL.Path]
	now := time.Now().Add(s.ahead)
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	signed, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	switch {
	case now.Sub(signed).Abs() > 15*time.Minute:
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message></Error>`)
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case s.status != 0:
		w.WriteHeader(s.status)
	case r.Method == http.MethodDelete:
		delete(s.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut:
		s.objects[r.URL.Path] = body
		s.headers = append(s.headers, r.Header)
	case there:
		w.Write(object)
	default:
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>`)
	}
}

func shelved(t *testing.T, kmsKey string) (*shelf, amazon.Codec) {
	t.Helper()
	s := &shelf{objects: map[string][]byte{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	cfg, err := amazon.Load(t.Context(), amazon.Settings{Region: "us-east-1", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return s, amazon.Codec{Bucket: amazon.NewBucket(cfg, "bodies", kmsKey)}
}

func large() *bellhop.Event {
	e := &bellhop.Event{ID: bellhop.EventID{1, 15: 2}, Shop: "demo.myshopify.com", Topic: "orders/create",
		AcceptedAt: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	seed := uint32(1)
	for range 1 << 20 { // no compression helps
		seed = seed*1664525 + 1013904223
		e.Body = append(e.Body, byte(seed>>24))
	}
	return e
}

func TestBodyByReference(t *testing.T) {
	for key, sse := range map[string]string{"": "AES256", "alias/orders": "aws:kms"} {
		s, codec := shelved(t, key)
		e := large()
		m, err := codec.Encode(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if h := s.headers[0]; h.Get("X-Amz-Server-Side-Encryption") != sse ||
			h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != key || h.Get("X-Amz-Checksum-Sha256") == "" {
			t.Errorf("kept with %v", h)
		}
		if _, ok := s.objects["/bodies/bodies/2026/11/22/01000000-0000-0000-0000-000000000002"]; !ok ||
			strings.Contains(m.Body, e.Shop) {
			t.Errorf("the message is %s", m.Body)
		}
		back, err := codec.Decode(t.Context(), m)
		if err != nil || !bytes.Equal(back.Body, e.Body) || back.ID != e.ID {
			t.Errorf("came back: %v", err)
		}
		bare, err := amazon.Decode(m)
		if ref, ok := errors.AsType[*amazon.RefError](err); !ok || ref.Bytes != len(e.Body) || bare.ID != e.ID ||
			bare.Body != nil {
			t.Errorf("without the bucket: %v", err)
		}
	}
}

// TestDiscard deletes the body of a message, and again, and leaves a bucket alone that is not its own.
func TestDiscard(t *testing.T) {
	s, codec := shelved(t, "")
	m, err := codec.Encode(t.Context(), large())
	if err != nil {
		t.Fatal(err)
	}
	if err := (amazon.Codec{}).Discard(t.Context(), m); err != nil || len(s.objects) != 1 {
		t.Errorf("without the bucket: %v, %d objects", err, len(s.objects))
	}
	for range 2 {
		if err := codec.Discard(t.Context(), m); err != nil || len(s.objects) != 0 {
			t.Errorf("discarded: %v, %d objects are left", err, len(s.objects))
		}
	}
	s.status = http.StatusForbidden
	if err := codec.Discard(t.Context(), m); err == nil {
		t.Error("nobody said that it is forbidden")
	}
	small := large()
	small.Body = []byte(`{}`)
	if m, err = codec.Encode(t.Context(), small); err != nil || codec.Discard(t.Context(), m) != nil {
		t.Errorf("a body inside the message: %v", err)
	}
}

// TestSmallBodiesStayOut sends small events without asking the bucket.
func TestSmallBodiesStayOut(t *testing.T) {
	s, codec := shelved(t, "")
	s.status = http.StatusServiceUnavailable
	e := large()
	e.Body = e.Body[:500<<10]
	if m, err := codec.Encode(t.Context(), e); err != nil || m.Attributes[amazon.AttrCoding] != "zstd" {
		t.Errorf("coding %q, %v", m.Attributes[amazon.AttrCoding], err)
	}
	codec.Limit = 64 << 10
	if _, err := codec.Encode(t.Context(), e); bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("a queue of smaller messages, and no bucket to be had: %v", err)
	}
	e.Body = make([]byte, bellhop.MaxBody+1)
	if _, err := codec.Encode(t.Context(), e); bellhop.KindOf(err) != bellhop.TooLarge {
		t.Errorf("larger than anything: %v", err)
	}
}

// TestWhatIsLostIsPermanent tells a lost body from one that the bucket can't return
// now.
func TestWhatIsLostIsPermanent(t *testing.T) {
	s, codec := shelved(t, "")
	m, err := codec.Encode(t.Context(), large())
	if err != nil {
		t.Fatal(err)
	}
	_, other := shelved(t, "")
	for what, test := range map[string]struct {
		do        func()
		codec     amazon.Codec
		permanent bool
	}{
		"another bucket's": {func() {}, amazon.Codec{}, false},
		"changed": {func() {
			for key := range s.objects {
				s.objects[key] = []byte("x")
			}
		}, codec, true},
		"gone": {func() {}, other, true},
	} {
		test.do()
		e, err := test.codec.Decode(t.Context(), m)
		if e == nil || err == nil || bellhop.IsPermanent(err) != test.permanent {
			t.Errorf("%s: %v, %v; permanent %v", what, e, err, bellhop.IsPermanent(err))
		}
	}
	for _, status := range []int{http.StatusForbidden, http.StatusServiceUnavailable} {
		s.status = status
		if _, err := codec.Decode(t.Context(), m); err == nil || bellhop.IsPermanent(err) {
			t.Errorf("status %d: %v", status, err)
		}
	}
	s.status = http.StatusForbidden
	if err := codec.Bucket.Reachable(t.Context()); err != nil {
		t.Errorf("a bucket that may not be listed: %v", err)
	}
	s.status = http.StatusNotFound
	if err := amazon.AtStart(codec.Bucket.Reachable(t.Context())); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("a bucket that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := codec.Decode(ctx, m); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestBodiesAreRead sees to it that net/http reads request bodies, and does not
// have them write themselves: see plainBodies.
func TestBodiesAreRead(t *testing.T) {
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
	}))
	defer server.Close()
	cfg, err := amazon.Load(t.Context(), amazon.Settings{Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []interface {
		Do(*http.Request) (*http.Response, error)
	}{cfg.HTTPClient, amazon.Patient(cfg, time.Minute).HTTPClient} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader([]byte("body")))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if _, writes := r.Body.(io.WriterTo); writes || <-got != "body" {
			t.Errorf("the body writes itself: %v", writes)
		}
	}
}

// TestDial connects to a bucket whose name nobody knows.
func TestDial(t *testing.T) {
	s := &shelf{objects: map[string][]byte{}}
	server := httptest.NewServer(s)
	defer server.Close()
	cfg, err := amazon.Load(t.Context(), amazon.Settings{Region: "us-east-1", Endpoint: "http://nowhere.invalid",
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		}})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []aws.Config{cfg, amazon.Patient(cfg, time.Minute)} {
		if err := amazon.NewBucket(c, "bodies", "").Put(t.Context(), "k", []byte("body")); err != nil ||
			len(s.headers) != i+1 {
			t.Errorf("%d objects were put: %v", len(s.headers), err)
		}
	}
}

// TestAWrongClockIsCorrected asks a bucket whose clock is an hour ahead, and one whose
// clock is an hour behind.
func TestAWrongClockIsCorrected(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		s, codec := shelved(t, "")
		s.ahead = ahead
		if _, err := codec.Encode(t.Context(), large()); err != nil {
			t.Errorf("a bucket %v ahead: %v", ahead, err)
		}
	}
}

// TestBucketsAreWhereAWSHasThem reads off a request where it goes, without making it.
func TestBucketsAreWhereAWSHasThem(t *testing.T) {
	for want, c := range map[string]struct {
		settings amazon.Settings
		bucket   string
	}{
		"https://bodies.s3.us-east-1.amazonaws.com/k":           {amazon.Settings{Region: "us-east-1"}, "bodies"},
		"https://bodies.s3.dualstack.us-east-1.amazonaws.com/k": {amazon.Settings{Region: "us-east-1", DualStack: true}, "bodies"},
		"https://bodies.s3.cn-north-1.amazonaws.com.cn/k":       {amazon.Settings{Region: "cn-north-1"}, "bodies"},
		"https://bodies.s3.eusc-de-east-1.amazonaws.eu/k":       {amazon.Settings{Region: "eusc-de-east-1"}, "bodies"},
		"https://s3.eu-west-1.amazonaws.com/our.bodies/k":       {amazon.Settings{Region: "eu-west-1"}, "our.bodies"},
	} {
		cfg, err := amazon.Load(t.Context(), c.settings)
		if err != nil {
			t.Fatal(err)
		}
		asked := &tried{}
		cfg.HTTPClient = asked
		cfg.Retryer = func() aws.Retryer { return retry.AddWithMaxBackoffDelay(retry.NewStandard(), time.Nanosecond) }
		err = amazon.NewBucket(cfg, c.bucket, "").Put(t.Context(), "k", []byte("body"))
		if bellhop.KindOf(err) != bellhop.Unavailable || asked.times != 3 || asked.url != want {
			t.Errorf("%s was asked %d times, not %s: %v", asked.url, asked.times, want, err)
		}
		if !strings.HasPrefix(asked.authorization, "AWS4-HMAC-SHA256 Credential=test/") {
			t.Errorf("signed by %q", asked.authorization)
		}
	}
}

// tried is a client whose requests fail on the way.
type tried struct {
	times              int
	url, authorization string
}

func (c *tried) Do(r *http.Request) (*http.Response, error) {
	c.times++
	c.url, c.authorization = r.URL.String(), r.Header.Get("Authorization")
	return nil, io.ErrUnexpectedEOF
}
