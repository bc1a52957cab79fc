package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/internal/lambdaruntime"
	"bellhop/pipeline"
)

// coldStarts is how often each round measures the start of a function.
const coldStarts = 5

// bootstrap builds the functions' program as it is deployed, but for this
// machine's processor, and returns its path.
func (b *bench) bootstrap(ctx context.Context) (string, error) {
	path := filepath.Join(b.dir, "bootstrap")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc,nosqlite,noamqp,grpcnotrace", "-ldflags",
		"-s -w", "-o", path, "./cmd/bellhop-lambda")
	cmd.Dir = b.source
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the functions: %w: %s", err, strings.TrimSpace(string(out)))
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	b.mib("lambda_size", info.Size())
	return path, nil
}

// functions adds functions to a server, by name.
func (b *bench) functions(ctx context.Context, at *lambdaruntime.Server, env []string,
	names ...string) (map[string]*lambdaruntime.Function, error) {
	program, err := b.bootstrap(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]*lambdaruntime.Function{}
	for _, name := range names {
		all[name] = at.Function(name, []string{program}, append([]string{"BELLHOP_FUNCTION=" + name}, env...)...)
	}
	return all, nil
}

// measureLambdaStart makes the function that does both steps record an order, each
// time in a new process.
func (b *bench) measureLambdaStart(ctx context.Context) error {
	database, err := b.likeBase(ctx)
	if err != nil {
		return err
	}
	at, err := lambdaruntime.Start(nil)
	if err != nil {
		return err
	}
	defer at.Close()
	// The queue is for dead letters; there are none.
	env := append(b.databaseEnv(database), b.sqsSetting("unused"), "BELLHOP_PUSH=log:")
	all, err := b.functions(ctx, at, env, "direct")
	if err != nil {
		return err
	}
	requests := b.mainWebhooks().For(0)
	for range coldStarts {
		r, err := b.invokeWith(ctx, all["direct"], requests, 1)
		if err != nil {
			return err
		}
		b.ms(KeyLambdaInit, r.Init)
		b.ms("lambda_first_record", r.Init+r.Took)
		all["direct"].Kill()
	}
	err = b.connected(ctx, b.databaseURL(database), func(c *pgx.Conn) error {
		var n int
		err := c.QueryRow(ctx, "SELECT count(*) FROM orders").Scan(&n)
		if err == nil && n != coldStarts {
			err = fmt.Errorf("%d orders are recorded of %d", n, coldStarts)
		}
		return err
	})
	if err != nil {
		return err
	}
	return b.dropDatabases(ctx, database)
}

// invokeWith hands a function a batch of n new webhooks, as the queue does.
func (b *bench) invokeWith(ctx context.Context, f *lambdaruntime.Function, requests Requests,
	n int) (lambdaruntime.Result, error) {
	batch, err := b.batchOf(ctx, requests, n)
	if err != nil {
		return lambdaruntime.Result{}, err
	}
	r, err := f.Call(ctx, batch)
	if err == nil && !bytes.Contains(r.Payload, []byte(`"batchItemFailures":[]`)) {
		err = fmt.Errorf("it answered %.200s", r.Payload)
	}
	if err != nil {
		return r, fmt.Errorf("invoke the function %s: %w", f.Name, err)
	}
	return r, nil
}

// batchOf makes an event of SQS with n new webhooks.
func (b *bench) batchOf(ctx context.Context, requests Requests, n int) ([]byte, error) {
	caught := &catcher{}
	a := &pipeline.Acceptor{Keys: pipeline.NewKeyring(nil, b.secret, ""), Queue: caught, Now: time.Now}
	for range n {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(requests.Append(nil, time.Now()))))
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if err := a.Accept(ctx, r.Header, body); err != nil {
			return nil, err
		}
	}
	return lambdaruntime.Event("arn:aws:sqs:"+region+":"+accountID+":orders", caught.messages)
}

// catcher is a queue that keeps events as messages of SQS.
type catcher struct{ messages []types.Message }

// Send implements queue.Producer.
func (c *catcher) Send(_ context.Context, events ...*bellhop.Event) error {
	for _, e := range events {
		m, err := amazon.Encode(e)
		if err != nil {
			return err
		}
		c.messages = append(c.messages, types.Message{MessageId: aws.String(uuid.NewString()), Body: &m.Body,
			Attributes: map[string]string{"ApproximateReceiveCount": "1"}, MessageAttributes: attributesOf(m.Attributes)})
	}
	return nil
}

func attributesOf(texts map[string]string) map[string]types.MessageAttributeValue {
	all := map[string]types.MessageAttributeValue{}
	for name, value := range texts {
		all[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	return all
}
