package lambdaruntime

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"
)

// Mapping is an event source mapping: it hands a queue's messages to a function
// in batches, deletes those that the function does not name as failed, and leaves
// the rest to the queue (ReportBatchItemFailures,
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).
type Mapping struct {
	Client   *sqs.Client
	QueueURL string
	QueueARN string
	Function *Function
	// BatchSize is how many messages go into a batch; 0 means 10, the most that
	// one receive brings.
	BatchSize int
	// Concurrency is how many batches are under way at once; 0 means 2.
	Concurrency int
	// Poll is how long a receive waits, in whole seconds; 0 means 1.
	Poll time.Duration
	// Duplicate has every so-manieth batch handed over twice, as SQS may.
	Duplicate int

	batches, messages, failed, errored atomic.Int64
}

// Counts sum up a mapping's work so far.
type Counts struct {
	Batches  int64 // invocations
	Messages int64 // handed over, each time counted
	Failed   int64 // handed back one by one
	Errored  int64 // batches that failed as a whole
}

// Counts returns them.
func (m *Mapping) Counts() Counts {
	return Counts{m.batches.Load(), m.messages.Load(), m.failed.Load(), m.errored.Load()}
}

// Run works until ctx is done and the work under way has ended.
func (m *Mapping) Run(ctx context.Context) error {
	var pollers errgroup.Group
	for range cmp.Or(m.Concurrency, 2) {
		pollers.Go(func() error {
			for ctx.Err() == nil {
				if err := m.Batch(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return pollers.Wait()
}

// Batch carries the next batch, if one comes within Poll. It finishes even when ctx is
// done: a receive that breaks off would take messages with it.
func (m *Mapping) Batch(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	out, err := m.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &m.QueueURL,
		MaxNumberOfMessages: int32(cmp.Or(m.BatchSize, 10)),
		WaitTimeSeconds:     int32(cmp.Or(m.Poll, time.Second) / time.Second), MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
	if err != nil {
		return fmt.Errorf("receive from %s: %w", m.QueueURL, err)
	}
	if len(out.Messages) == 0 {
		return nil
	}
	n := m.batches.Add(1)
	done, err := m.hand(ctx, out.Messages)
	if err == nil && m.Duplicate > 0 && n%int64(m.Duplicate) == 0 {
		done, err = m.hand(ctx, out.Messages)
	}
	if err != nil {
		return err
	}
	return m.remove(ctx, done)
}

// hand invokes the function and returns the messages that are done.
func (m *Mapping) hand(ctx context.Context, messages []types.Message) ([]types.Message, error) {
	payload, err := Event(m.QueueARN, messages)
	if err != nil {
		return nil, err
	}
	m.messages.Add(int64(len(messages)))
	result, err := m.Function.Invoke(ctx, payload)
	if err != nil {
		return nil, err
	}
	failed, whole := failures(result, messages)
	if whole {
		m.errored.Add(1)
		return nil, nil
	}
	m.failed.Add(int64(len(failed)))
	done := make([]types.Message, 0, len(messages))
	for _, msg := range messages {
		if !failed[*msg.MessageId] {
			done = append(done, msg)
		}
	}
	return done, nil
}

// failures reads an answer as Lambda does: an error, or an answer that can't be
// right, fails the whole batch; one that says nothing fails nothing.
func failures(r Result, messages []types.Message) (failed map[string]bool, whole bool) {
	if r.Failed {
		return nil, true
	}
	if len(r.Payload) == 0 {
		return nil, false
	}
	var answer *struct {
		Failures []struct {
			ID *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(r.Payload, &answer); err != nil {
		return nil, true
	}
	if answer == nil {
		return nil, false
	}
	known := map[string]bool{}
	for _, msg := range messages {
		known[*msg.MessageId] = true
	}
	failed = map[string]bool{}
	for _, f := range answer.Failures {
		if f.ID == nil || !known[*f.ID] {
			return nil, true
		}
		failed[*f.ID] = true
	}
	return failed, false
}

// Event is what a function gets of a queue's messages.
func Event(queueARN string, messages []types.Message) ([]byte, error) {
	all := make([]map[string]any, len(messages))
	for i, msg := range messages {
		attributes := map[string]any{}
		for name, a := range msg.MessageAttributes {
			attributes[name] = map[string]any{"stringValue": a.StringValue, "binaryValue": a.BinaryValue,
				"stringListValues": []string{}, "binaryListValues": []string{}, "dataType": a.DataType}
		}
		all[i] = map[string]any{
			"messageId": msg.MessageId, "receiptHandle": msg.ReceiptHandle, "body": msg.Body, "attributes": msg.Attributes,
			"messageAttributes": attributes, "md5OfBody": msg.MD5OfBody,
			"eventSource": "aws:sqs", "eventSourceARN": queueARN, "awsRegion": Region,
		}
	}
	return json.Marshal(map[string]any{"Records": all})
}

func (m *Mapping) remove(ctx context.Context, done []types.Message) error {
	if len(done) == 0 {
		return nil
	}
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &m.QueueURL}
	for i, msg := range done {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)),
			ReceiptHandle: msg.ReceiptHandle})
	}
	if _, err := m.Client.DeleteMessageBatch(ctx, in); err != nil {
		return fmt.Errorf("delete from %s: %w", m.QueueURL, err)
	}
	return nil
}
