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

// sqsQueue is a queue of the stand-in for one use: it keeps all in memory.
type sqsQueue struct {
	name    string
	setting string // for BELLHOP_QUEUE
}

func (b *bench) newQueue(ctx context.Context) (sqsQueue, error) {
	q := sqsQueue{name: "bench-" + strings.ToLower(rand.Text())}
	q.setting = b.queueSetting(b.SQS, q.name)
	return q, b.run(ctx, b.nowhere(q.setting), "queue", "create", q.name)
}

func (b *bench) queueSetting(endpoint, name string) string {
	return "BELLHOP_QUEUE=sqs+" + strings.TrimSuffix(endpoint, "/") + "/" + accountID + "/" + name + "?region=" + region
}

func (b *bench) removeQueue(ctx context.Context, q sqsQueue) error {
	return b.run(ctx, b.nowhere(q.setting), "queue", "rm", q.name)
}

// nowhere is the environment of a command that needs no data.
func (b *bench) nowhere(env ...string) []string { return append(env, "BELLHOP_DIR="+b.data.empty) }

// measureSQS floods a bellhop whose queue is in SQS, and in turn has the bare
// sender send to another queue there.
func (b *bench) measureSQS(ctx context.Context) error {
	rate, err := b.sendBare(ctx)
	if err != nil {
		return err
	}
	b.add(keySQSBareRate, rate)
	q, err := b.newQueue(ctx)
	if err != nil {
		return err
	}
	w, err := b.basicWebhooks()
	if err != nil {
		return err
	}
	accepted, err := b.floodAccepting(ctx, []string{q.setting}, w, acceptKeys{"accepting into SQS", keySQSRate, keySQSP99,
		""})
	if err != nil {
		return err
	}
	b.add(keySQSRatio, accepted/rate)
	return b.removeQueue(ctx, q)
}

// sendBare sends messages like bellhop's in full batches for as long as bellhop is
// loaded, and returns how many a second the stand-in has taken.
func (b *bench) sendBare(ctx context.Context) (rate float64, err error) {
	q, err := b.newQueue(ctx)
	if err != nil {
		return 0, err
	}
	client, url, err := b.sqsClient(ctx, q)
	if err != nil {
		return 0, err
	}
	w, err := b.basicWebhooks()
	if err != nil {
		return 0, err
	}
	like, err := bareMessage()
	if err != nil {
		return 0, err
	}
	from := time.Now().Add(warmup)
	to := from.Add(b.Duration)
	var sent atomic.Int64
	group, flights := errgroup.WithContext(ctx)
	for i := range bareFlights {
		requests := w.For(i)
		group.Go(func() error {
			for now := time.Now(); now.Before(to); {
				if err := sendBatch(flights, client, url, like, requests); err != nil {
					return err
				}
				if now = time.Now(); !now.Before(from) && now.Before(to) {
					sent.Add(bareBatch)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("send without bellhop: %w", err)
	}
	return float64(sent.Load()) / b.Duration.Seconds(), b.removeQueue(ctx, q)
}

func (b *bench) sqsClient(ctx context.Context, q sqsQueue) (client *sqs.Client, url string, err error) {
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
	like.MessageGroupId, like.MessageAttributes = aws.String(mainShop), map[string]types.MessageAttributeValue{}
	for name, value := range m.Attributes {
		like.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
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
