package sqsqueue

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/internal/wait"
)

// postAll sends any number of entries to a queue, a few batches at a time.
func (q *Queue) postAll(ctx context.Context, url string, entries []*entry) {
	var g errgroup.Group
	g.SetLimit(fanOut)
	for len(entries) > 0 {
		n := fits(entries)
		batch := entries[:n:n]
		entries = entries[n:]
		g.Go(func() error {
			q.post(ctx, url, batch)
			return nil
		})
	}
	g.Wait() // each entry has its own error
}

// postAttempts bounds how often an event is sent that SQS could not take just then.
// The SDK itself repeats requests that fail as a whole.
const postAttempts = 4

// post sends one batch and sets each entry's error. It sends entries again that SQS could
// not take just then.
func (q *Queue) post(ctx context.Context, url string, batch []*entry) {
	backoff := retry.NewExponentialJitterBackoff(time.Second)
	for attempt := 1; ; attempt++ {
		var again []*entry
		if len(batch) == 1 {
			again = q.postOne(ctx, url, batch[0])
		} else {
			again = q.postBatch(ctx, url, batch)
		}
		if len(again) == 0 || attempt == postAttempts {
			return
		}
		delay, err := backoff.BackoffDelay(attempt-1, nil)
		if err != nil || !wait.Pause(ctx, delay) {
			return
		}
		batch = again
	}
}

func (e *entry) attributes() map[string]types.MessageAttributeValue {
	out := make(map[string]types.MessageAttributeValue, len(e.msg.Attributes))
	for name, value := range e.msg.Attributes {
		out[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	return out
}

func (e *entry) system() map[string]types.MessageSystemAttributeValue {
	if e.trace == "" {
		return nil
	}
	const name = types.MessageSystemAttributeNameForSendsAWSTraceHeader
	return map[string]types.MessageSystemAttributeValue{
		string(name): {DataType: aws.String("String"), StringValue: &e.trace}}
}

// some returns nil for an empty text, which is left out.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (q *Queue) postOne(ctx context.Context, url string, e *entry) (again []*entry) {
	_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &e.msg.Body,
		MessageAttributes: e.attributes(), MessageSystemAttributes: e.system(), MessageGroupId: some(e.group),
		MessageDeduplicationId: some(e.dedup)})
	return q.failed(ctx, url, []*entry{e}, err)
}

func (q *Queue) postBatch(ctx context.Context, url string, batch []*entry) (again []*entry) {
	in := &sqs.SendMessageBatchInput{QueueUrl: &url}
	for i, e := range batch {
		e.err = nil
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)),
			MessageBody:       &e.msg.Body,
			MessageAttributes: e.attributes(), MessageSystemAttributes: e.system(), MessageGroupId: some(e.group),
			MessageDeduplicationId: some(e.dedup)})
	}
	out, err := q.client.SendMessageBatch(ctx, in)
	if err != nil {
		return q.failed(ctx, url, batch, err)
	}
	answered := make([]bool, len(batch))
	for _, ok := range out.Successful {
		answered[index(ok.Id, len(batch))] = true
	}
	for _, f := range out.Failed {
		i := index(f.Id, len(batch))
		answered[i] = true
		again = append(again, q.refused(batch[i], f)...)
	}
	for i, ok := range answered {
		if !ok {
			batch[i].err = unavailable(q.name, "SQS did not report the outcome for an event")
			again = append(again, batch[i])
		}
	}
	return again
}

// index reads the id of an entry, which is its number.
func index(id *string, n int) int {
	i, err := strconv.Atoi(aws.ToString(id))
	if err != nil || i < 0 || i >= n {
		return 0 // nothing in such an answer can be believed
	}
	return i
}

func unavailable(name, what string) error {
	return bellhop.Errorf(bellhop.Unavailable, "sqs_unavailable", "send to the queue %s: %s", name, what)
}

// failed handles a request that failed as a whole.
func (q *Queue) failed(ctx context.Context, url string, batch []*entry, err error) (again []*entry) {
	code := amazon.Code(err)
	for _, e := range batch {
		e.err = amazon.Explain(ctx, "send to the queue "+q.name, err)
		if errors.Is(e.err, context.DeadlineExceeded) {
			e.err = unavailable(q.name, "SQS does not answer")
		}
		if code == "InvalidMessageContents" && e.compress() {
			again = append(again, e)
		}
	}
	if code == "BatchRequestTooLong" && len(batch) > 1 {
		for _, e := range batch {
			again = append(again, q.postOne(ctx, url, e)...)
		}
	}
	return again
}

// compress packs an event so that any queue takes it; false if it is packed
// already.
func (e *entry) compress() (ok bool) {
	e.msg, ok = e.msg.Compressed()
	return ok
}

// refused handles one entry that SQS did not take.
func (q *Queue) refused(e *entry, f types.BatchResultErrorEntry) (again []*entry) {
	code := aws.ToString(f.Code)
	switch {
	case strings.Contains(code, "InvalidMessageContents") && e.compress():
		e.err = unavailable(q.name, code)
		return []*entry{e}
	case !f.SenderFault || strings.Contains(code, "Throttl"):
		e.err = unavailable(q.name, "SQS can't take it now: "+code)
		return []*entry{e}
	}
	e.err = bellhop.Errorf(bellhop.Internal, "sqs_refused", "send to the queue %s: SQS refuses an event: %s: %s",
		q.name, code, aws.ToString(f.Message))
	return nil
}
