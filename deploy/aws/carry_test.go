package aws_test

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"bellhop/internal/lambdaruntime"
	"bellhop/simulate"
	"bellhop/simulate/simulatetest"
)

// carry sends the webhooks of a twin of Shopify, and returns its ledger once nothing waits, runs
// or is owed any more.
func (j *journey) carry(o simulate.ShopifyOptions) *simulate.Ledger {
	j.t.Helper()
	defer j.consume()()
	o.Target, o.Shops, o.Secret, o.TimeScale = j.target, j.shops, appSecret, 0.0005
	ledger, err := simulate.RunShopify(j.t.Context(), o)
	if err != nil {
		j.t.Fatal(err)
	}
	j.settle()
	return ledger
}

// drain carries the queue's messages.
func (j *journey) drain() {
	j.t.Helper()
	defer j.consume()()
	j.settle()
}

// source returns the event source mapping between the queue and start.
func (j *journey) source() *lambdaruntime.Mapping {
	j.t.Helper()
	cfg, err := config.LoadDefaultConfig(j.t.Context(), config.WithRegion(lambdaruntime.Region))
	if err != nil {
		j.t.Fatal(err)
	}
	client := sqs.NewFromConfig(cfg,
		func(o *sqs.Options) { o.BaseEndpoint = aws.String(j.values["AWS_ENDPOINT_URL_SQS"]) })
	queue, err := client.GetQueueUrl(j.t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(j.name())})
	if err != nil {
		j.t.Fatal(err)
	}
	return &lambdaruntime.Mapping{Client: client, QueueURL: *queue.QueueUrl,
		QueueARN: "arn:aws:sqs:us-east-1:000000000000:" + j.name(),
		Function: j.made["Start"], BatchSize: 5, Duplicate: 7}
}

// consume hands the queue's messages to start until the caller calls the returned function.
func (j *journey) consume() (stop func()) {
	j.t.Helper()
	source := j.source()
	ctx, cancel := context.WithCancel(j.t.Context())
	var mapping sync.WaitGroup
	mapping.Go(func() {
		if err := source.Run(ctx); err != nil {
			j.t.Errorf("the event source: %v", err)
		}
	})
	return func() {
		cancel()
		mapping.Wait()
	}
}

// settle waits until nothing waits in the queue, no execution runs and no push is
// owed; the sweep goes on all the while.
func (j *journey) settle() {
	j.t.Helper()
	ctx, cancel := context.WithTimeout(j.t.Context(), 5*time.Minute)
	defer cancel()
	for kills := 0; ; {
		changed := j.parts.Store.Changed()
		depth, err := j.parts.Queue.Depth(ctx)
		if err != nil {
			j.t.Fatal(err)
		}
		if err := j.machine.Wait(ctx); err != nil {
			j.t.Fatal(err)
		}
		next, err := j.parts.Store.NextPush(ctx)
		if err != nil {
			j.t.Fatal(err)
		}
		if depth.Waiting+depth.Leased == 0 && next.IsZero() {
			return
		}
		if kills < 3 && j.traps["Start"] != "" {
			j.made["Start"].Kill() // in Express it waits for executions
			kills++
		}
		due := time.NewTimer(time.Second) // the schedule of the sweep, in a test's time
		select {
		case <-changed:
		case <-due.C:
		case <-ctx.Done():
			j.t.Fatalf("stuck: %+v in the queue, next push due %v", depth, next)
		}
		due.Stop()
		if _, err := j.made["Sweep"].Invoke(ctx,
			[]byte(`{"detail-type":"Scheduled Event","source":"aws.events"}`)); err != nil {
			j.t.Fatal(err)
		}
	}
}

// compare compares the database and the phones with the twin's ledger.
func (j *journey) compare(ledger *simulate.Ledger) {
	j.t.Helper()
	sum := simulatetest.Kept{Store: j.parts.Store, FCM: j.fcm, Tokens: j.tokens}.Compare(j.t, ledger)
	depth, err := j.parts.Queue.Depth(j.t.Context())
	if err != nil || depth.Dead < sum.Dead {
		j.t.Errorf("%d dead letters for %d bodies that make no sense, %v", depth.Dead, sum.Dead, err)
	}
	j.t.Logf("%v; %d executions; processes started: accept %d, start %d, record %d, notify %d, sweep %d", sum,
		j.executions(),
		j.made["Accept"].Starts(), j.made["Start"].Starts(), j.made["Record"].Starts(), j.made["Notify"].Starts(),
		j.made["Sweep"].Starts())
}

func (j *journey) executions() int {
	all, err := j.machine.Executions(j.t.Context())
	if err != nil {
		j.t.Fatal(err)
	}
	return len(all)
}
