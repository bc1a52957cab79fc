package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/simulate"
)

// Our account, as a stand-in for AWS sees it.
const (
	region    = "us-east-1"
	accountID = "000000000000"
)

// The bare sender has the limits of the driver of SQS, but gathers nothing from
// others and answers nobody.
const (
	bareBatch   = 10
	bareFlights = 32
)

// oneQueue is a queue for one use: SQS's stand-in keeps all in memory.
type oneQueue struct {
	name    string
	setting string // for BELLHOP_QUEUE
}

// newQueue makes a queue; setting says what names it.
func (b *bench) newQueue(ctx context.Context, setting func(name string) string) (oneQueue, error) {
	q := oneQueue{name: "bench-" + strings.ToLower(rand.Text())}
	q.setting = setting(q.name)
	return q, b.run(ctx, b.nowhere(q), "queue", "create", q.name)
}

func (b *bench) removeQueue(ctx context.Context, q oneQueue) error {
	return b.run(ctx, b.nowhere(q), "queue", "rm", q.name)
}

// nowhere is the environment of a command that needs no data but a queue.
func (b *bench) nowhere(q oneQueue) []string {
	return []string{q.setting, "BELLHOP_DIR=" + b.data.empty}
}

// withQueue runs fn with a queue of its own.
func (b *bench) withQueue(ctx context.Context, setting func(string) string, fn func(oneQueue) error) error {
	q, err := b.newQueue(ctx, setting)
	if err != nil {
		return err
	}
	if err := fn(q); err != nil {
		return err
	}
	return b.removeQueue(ctx, q)
}

func (b *bench) sqsSetting(name string) string { return b.queueSetting(b.SQS, name) }

func (b *bench) queueSetting(endpoint, name string) string {
	return "BELLHOP_QUEUE=sqs+" + strings.TrimSuffix(endpoint, "/") + "/" + accountID + "/" + name + "?region=" + region
}

// measureSQS floods a bellhop whose queue is in SQS, and in turn has the bare
// sender send to another queue there.
func (b *bench) measureSQS(ctx context.Context) error {
	var bare float64
	err := b.withQueue(ctx, b.sqsSetting, func(q oneQueue) (err error) {
		bare, err = b.sendBare(ctx, q)
		return err
	})
	if err != nil {
		return err
	}
	b.add("sqs_bare_per_second", bare)
	w, err := b.basicWebhooks([]string{mainShop})
	if err != nil {
		return err
	}
	return b.withQueue(ctx, b.sqsSetting, func(q oneQueue) error {
		accepted, err := b.floodAccepting(ctx, []string{q.setting}, w, "accepting into SQS", "sqs_accepted")
		if err == nil {
			b.add("sqs_accepted_ratio", accepted/bare)
		}
		return err
	})
}

// sendBare sends messages like bellhop's in full batches for as long as bellhop is
// loaded, and returns how many a second the stand-in has taken.
func (b *bench) sendBare(ctx context.Context, q oneQueue) (rate float64, err error) {
	client, url, err := b.sqsClient(ctx, q)
	if err != nil {
		return 0, err
	}
	w, err := b.basicWebhooks([]string{mainShop})
	if err != nil {
		return 0, err
	}
	like, err := bareMessage()
	if err != nil {
		return 0, err
	}
	sent := b.newWindow()
	group, flights := errgroup.WithContext(ctx)
	for i := range bareFlights {
		requests := w.For(i)
		group.Go(func() error {
			for !sent.over() {
				if err := sendBatch(flights, client, url, like, requests); err != nil {
					return err
				}
				sent.note(bareBatch)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("send without bellhop: %w", err)
	}
	return sent.rate(), nil
}

// window counts what is done after a warm-up and before the end.
type window struct {
	from, to time.Time
	n        atomic.Int64
}

func (b *bench) newWindow() *window {
	from := time.Now().Add(warmup)
	return &window{from: from, to: from.Add(b.Duration)}
}

func (w *window) over() bool { return !time.Now().Before(w.to) }

func (w *window) note(n int64) {
	if now := time.Now(); !now.Before(w.from) && now.Before(w.to) {
		w.n.Add(n)
	}
}

func (w *window) rate() float64 { return float64(w.n.Load()) / w.to.Sub(w.from).Seconds() }

func (b *bench) sqsClient(ctx context.Context, q oneQueue) (client *sqs.Client, url string, err error) {
	cfg, err := amazon.Load(ctx, amazon.Settings{Region: region, Endpoint: b.SQS})
	if err != nil {
		return nil, "", err
	}
	client = sqs.NewFromConfig(cfg)
	out, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &q.name})
	if err != nil {
		return nil, "", fmt.Errorf("look for the queue %s: %w", q.name, err)
	}
	return client, *out.QueueUrl, nil
}

// bareMessage returns a message with attributes like those that bellhop sends,
// since the stand-in takes time for each byte.
func bareMessage() (like types.SendMessageBatchRequestEntry, err error) {
	now := time.Now()
	m, err := amazon.Encode(&bellhop.Event{ID: bellhop.EventID(uuid.New()), Shop: mainShop, Topic: "orders/create",
		APIVersion: simulate.APIVersion,
		WebhookID:  uuid.NewString(), ShopifyEventID: uuid.NewString(), TriggeredAt: now, AcceptedAt: now,
		SignedBy: bellhop.SignerApp, Body: []byte("{}")})
	like.MessageGroupId, like.MessageAttributes = aws.String(mainShop), attributesOf(m.Attributes)
	return like, err
}

func sendBatch(ctx context.Context, client *sqs.Client, url string, like types.SendMessageBatchRequestEntry,
	requests Requests) error {
	batch := make([]types.SendMessageBatchRequestEntry, bareBatch)
	for i := range batch {
		batch[i] = like
		batch[i].Id, batch[i].MessageBody = aws.String(strconv.Itoa(i)), aws.String(string(bodyOf(requests)))
	}
	out, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: batch})
	if err == nil && len(out.Failed) > 0 {
		err = fmt.Errorf("%d of %d messages were refused: %s", len(out.Failed), bareBatch,
			aws.ToString(out.Failed[0].Message))
	}
	return err
}

// bodyOf makes one webhook and returns its body.
func bodyOf(requests Requests) []byte {
	_, body, _ := bytes.Cut(requests.Append(nil, time.Now()), []byte("\r\n\r\n"))
	return body
}
