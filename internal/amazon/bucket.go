package amazon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"bellhop"
)

// Bucket keeps the bodies that are too large for a message. A lifecycle rule of
// the bucket deletes them, and it must keep them for longer than the queue and
// the dead letters keep messages (28 days for SQS's longest of 14 each). bellhop
// deletes only those of dropped dead letters.
type Bucket struct {
	name, kmsKey string
	s3           *s3
}

// NewBucket returns a bucket that encrypts its objects with the KMS key of that id, or with S3's
// own key when it is "".
func NewBucket(cfg aws.Config, name, kmsKey string) *Bucket {
	return &Bucket{name: name, kmsKey: kmsKey, s3: &s3{cfg: cfg, url: bucketURL(cfg, name),
		signer: v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })}}
}

// Name returns the bucket's name.
func (b *Bucket) Name() string { return b.name }

// Key returns the key of an event's body. It names no shop: keys are in
// access logs.
func Key(e *bellhop.Event) string {
	return "bodies/" + e.AcceptedAt.UTC().Format("2006/01/02") + "/" + e.ID.String()
}

// Put keeps a body.
func (b *Bucket) Put(ctx context.Context, key string, body []byte) error {
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	header.Set("X-Amz-Server-Side-Encryption", "AES256")
	if b.kmsKey != "" {
		header.Set("X-Amz-Server-Side-Encryption", "aws:kms")
		header.Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", b.kmsKey)
	}
	_, err := b.s3.do(ctx, http.MethodPut, "/"+key, header, body)
	return b.explain(ctx, "put a body into the bucket "+b.name, err)
}

// Get returns a body. One that isn't there is an error of kind bellhop.Invalid:
// it won't come back.
func (b *Bucket) Get(ctx context.Context, key string) ([]byte, error) {
	body, err := b.s3.do(ctx, http.MethodGet, "/"+key, http.Header{}, nil)
	if Code(err) == "NoSuchKey" {
		return nil, bellhop.Invalidf("body_gone",
			"the body is gone from the bucket %s: let its lifecycle rule keep bodies for longer than the queue keeps messages",
			b.name)
	}
	return body, b.explain(ctx, "get a body from the bucket "+b.name, err)
}

// Delete deletes a body, if it is there.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.s3.do(ctx, http.MethodDelete, "/"+key, http.Header{}, nil)
	return b.explain(ctx, "delete a body from the bucket "+b.name, err)
}

// Reachable returns nil if the bucket is there, or if that is not for this
// process to know: to put and get bodies it need not be allowed to list them.
func (b *Bucket) Reachable(ctx context.Context) error {
	_, err := b.s3.do(ctx, http.MethodHead, "", http.Header{}, nil)
	if r, ok := errors.AsType[*awshttp.ResponseError](err); ok && r.HTTPStatusCode() == http.StatusForbidden {
		return nil
	}
	return b.explain(ctx, "look for the bucket "+b.name, err)
}

func (b *Bucket) explain(ctx context.Context, doing string, err error) error {
	switch Code(err) {
	case "NoSuchBucket", "NotFound":
		return bellhop.Errorf(bellhop.Unavailable, CodeDenied,
			"%s: there is no such bucket: create it, or name another with bucket= in the queue's address", doing)
	}
	return Explain(ctx, doing, err)
}

// Codec turns events into messages and back. The zero value serves; without a
// bucket an event that fits into no message is bellhop.TooLarge.
type Codec struct {
	Bucket *Bucket
	Limit  int // of a message; MaxMessage unless set
	// Open is a [bellhop/queue.Opener] for messages of others; without it bellhop reads only its own.
	Open func(h http.Header, body []byte, sent time.Time) (*bellhop.Event, error)
}

// Read returns the event in a message as [Decode] does, also in one that bellhop did not send. With an error of kind
// bellhop.Invalid it returns the event as far as it can be read, if at all.
func (c Codec) Read(m Message) (*bellhop.Event, error) {
	if m.Ours() || c.Open == nil {
		return c.reopen(Decode(m))
	}
	h := http.Header{}
	for name, value := range m.Attributes {
		h.Add(name, value)
	}
	body, err := m.packed()
	e, bad := c.Open(h, body, m.Sent)
	if err == nil {
		err = bad
	}
	return e, err
}

// reopen tries an envelope again that was refused: the queue's address may allow it now.
func (c Codec) reopen(e *bellhop.Event, err error) (*bellhop.Event, error) {
	if err != nil || e.Topic != bellhop.TopicEnvelope || c.Open == nil {
		return e, err
	}
	opened, err := c.Open(nil, e.Body, e.AcceptedAt)
	if err != nil {
		return e, err
	}
	return opened, nil
}

// Encode returns the message for an event: the body as it is where SQS takes it,
// else compressed, else in the bucket. It is in there before Encode returns.
func (c Codec) Encode(ctx context.Context, e *bellhop.Event) (Message, error) {
	m, err := encode(e, cmp.Or(c.Limit, MaxMessage))
	if bellhop.KindOf(err) != bellhop.TooLarge || c.Bucket == nil || len(e.Body) > bellhop.MaxBody {
		return m, err
	}
	sum := sha256.Sum256(e.Body)
	ref := RefError{Bucket: c.Bucket.name, Key: Key(e), Bytes: len(e.Body), SHA256: hex.EncodeToString(sum[:])}
	if err := c.Bucket.Put(ctx, ref.Key, e.Body); err != nil {
		return Message{}, err
	}
	return refer(e, ref)
}

func refer(e *bellhop.Event, ref RefError) (Message, error) {
	m, err := bare(e)
	if err != nil {
		return m, err
	}
	text, err := json.Marshal(ref)
	m = m.with(AttrCoding, codingRef)
	m.Body = string(text)
	return m, err
}

// Decode returns the event in a message, and reads its body from the bucket if it is there. In
// addition to the errors of [Decode], it returns an error of kind bellhop.Invalid together with the
// event, without its body, when the body is lost for good. Any other error may pass.
func (c Codec) Decode(ctx context.Context, m Message) (*bellhop.Event, error) {
	e, err := c.Read(m)
	ref, elsewhere := errors.AsType[*RefError](err)
	if !elsewhere {
		return e, err
	}
	if c.Bucket == nil || c.Bucket.name != ref.Bucket {
		return e, fmt.Errorf("%w: add bucket=%s to the queue's address", err, clip(ref.Bucket))
	}
	body, err := c.Bucket.Get(ctx, ref.Key)
	if err != nil {
		return e, err
	}
	if sum := sha256.Sum256(body); len(body) != ref.Bytes || hex.EncodeToString(sum[:]) != ref.SHA256 {
		return e, bellhop.Invalidf("body_changed", "the body in the bucket %s is not the one that was put there", ref.Bucket)
	}
	e.Body = body
	return c.reopen(e, nil)
}

// Discard deletes the body of a message from the bucket, if it is there.
func (c Codec) Discard(ctx context.Context, m Message) error {
	_, err := Decode(m)
	if ref, elsewhere := errors.AsType[*RefError](err); elsewhere && c.Bucket != nil && c.Bucket.name == ref.Bucket {
		return c.Bucket.Delete(ctx, ref.Key)
	}
	return nil
}
