package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"
	"github.com/rogpeppe/go-internal/testscript"
)

// eventbridge NAME QUEUE puts into $NAME the address of what stands for Shopify's side of EventBridge, the bus and its
// rule: it puts each delivery into the queue twice, in one envelope.
func eventbridge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: eventbridge NAME QUEUE")
	}
	send := sender(ts, args[1])
	bus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := enveloped(r)
		for range 2 {
			if err == nil {
				err = send(r.Context(), text)
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "eventbridge:", err)
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	}))
	ts.Defer(bus.Close)
	ts.Setenv(args[0], bus.URL)
}

// enveloped returns the envelope of a delivery. Its payload is written anew, so that no signature fits.
func enveloped(r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	var payload map[string]json.RawMessage
	if err := json.Unmarshal(body, &payload); err != nil {
		return "", err
	}
	metadata := map[string]string{}
	for name := range r.Header {
		if strings.HasPrefix(name, "Shopify-") {
			metadata[strings.ToLower(name)] = r.Header.Get(name)
		} else {
			metadata[name] = r.Header.Get(name)
		}
	}
	text, err := json.MarshalIndent(map[string]any{"version": "0", "id": uuid.NewString(), "detail-type": "shopifyWebhook",
		"source": "aws.partner/shopify.com/4711/orders", "account": "000000000000", "region": "us-east-1",
		"time": time.Now().UTC().Format(time.RFC3339), "resources": []string{},
		"detail": map[string]any{"payload": payload, "metadata": metadata}}, "", " ")
	return ascii(string(text)), err
}

// ascii escapes all else: SQS takes no character that XML 1.0 leaves out.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// put QUEUE TEXT sends a message to a queue as somebody else does.
func put(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: put QUEUE TEXT")
	}
	ts.Check(sender(ts, args[0])(context.Background(), args[1]))
}

// sender returns what sends to a queue of SQS without bellhop.
func sender(ts *testscript.TestScript, queue string) func(ctx context.Context, text string) error {
	server, err := theSQS()
	ts.Check(err)
	anybody := func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
	}
	client := awssqs.New(awssqs.Options{Region: "us-east-1", BaseEndpoint: &server.Endpoint,
		Credentials: aws.CredentialsProviderFunc(anybody)})
	url, err := client.GetQueueUrl(context.Background(), &awssqs.GetQueueUrlInput{QueueName: &queue})
	ts.Check(err)
	return func(ctx context.Context, text string) error {
		_, err := client.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: url.QueueUrl, MessageBody: &text})
		return err
	}
}
