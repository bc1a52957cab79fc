package lambdahost

import (
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/internal/amazon"
)

// item is one message of a batch.
type item struct {
	id      string // SQS's own
	group   string // of a FIFO queue; "" in others
	attempt int    // 1 the first time
	message amazon.Message
}

// readBatch returns the messages of an event of SQS. Anything else is an error:
// an answer would acknowledge it.
func readBatch(payload []byte) ([]item, error) {
	var event events.SQSEvent
	if err := read(payload, "an event of SQS", &event); err != nil {
		return nil, err
	}
	if len(event.Records) == 0 {
		return nil, notOurs("this is not an event of SQS: it has no Records; let an event source mapping of SQS call this " +
			"function")
	}
	items := make([]item, len(event.Records))
	for i, r := range event.Records {
		if r.EventSource != "aws:sqs" || r.MessageId == "" {
			return nil, notOurs("this is not an event of SQS: its records come from %.40q", r.EventSource)
		}
		items[i] = item{id: r.MessageId, attempt: 1, message: messageOf(r)}
		if n, err := strconv.Atoi(r.Attributes["ApproximateReceiveCount"]); err == nil && n > 0 {
			items[i].attempt = n
		}
		if strings.HasSuffix(r.EventSourceARN, ".fifo") {
			items[i].group = r.Attributes["MessageGroupId"]
		}
	}
	return items, nil
}

// messageOf leaves out attributes of other types: bellhop sends none.
func messageOf(r events.SQSMessage) amazon.Message {
	m := amazon.Message{Body: r.Body, Attributes: make(map[string]string, len(r.MessageAttributes))}
	for name, a := range r.MessageAttributes {
		if a.StringValue != nil {
			m.Attributes[name] = *a.StringValue
		}
	}
	return m
}

// report names all messages that are not done, and in a FIFO queue those behind one in
// its group. The mapping takes a missing list or null as an empty one: all are done.
func report(items []item, done []bool) events.SQSEventResponse {
	a := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	held := map[string]bool{}
	for i, it := range items {
		if done[i] && !held[it.group] {
			continue
		}
		if it.group != "" {
			held[it.group] = true
		}
		a.BatchItemFailures = append(a.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: it.id})
	}
	return a
}
