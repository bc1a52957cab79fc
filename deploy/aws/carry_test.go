package aws_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"bellhop"
	"bellhop/internal/lambdaruntime"
	"bellhop/simulate"
	"bellhop/store"
)

// carry sends what a twin of Shopify's makes, and returns its ledger once nothing
// waits, runs or is owed any more.
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

// drain carries what is in the queue.
func (j *journey) drain() {
	j.t.Helper()
	defer j.consume()()
	j.settle()
}

// consume hands the queue's messages to start, and returns what ends that.
func (j *journey) consume() (stop func()) {
	j.t.Helper()
	cfg, err := config.LoadDefaultConfig(j.t.Context(), config.WithRegion(lambdaruntime.Region))
	if err != nil {
		j.t.Fatal(err)
	}
	client := sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.BaseEndpoint = aws.String(j.values["AWS_ENDPOINT_URL_SQS"]) })
	queue, err := client.GetQueueUrl(j.t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(j.name())})
	if err != nil {
		j.t.Fatal(err)
	}
	source := &lambdaruntime.Mapping{Client: client, QueueURL: *queue.QueueUrl, QueueARN: "arn:aws:sqs:us-east-1:000000000000:" + j.name(),
		Function: j.made["Start"], BatchSize: 5, Duplicate: 7}
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
		if _, err := j.made["Sweep"].Invoke(ctx, []byte(`{"detail-type":"Scheduled Event","source":"aws.events"}`)); err != nil {
			j.t.Fatal(err)
		}
	}
}

// compare holds what is in the database and on the phones against the twin's
// ledger.
func (j *journey) compare(ledger *simulate.Ledger) {
	j.t.Helper()
	outcomes := j.outcomes()
	want, poison := map[string]int{}, map[string]bool{}
	for _, e := range ledger.Entries() {
		if e.Status == simulate.DeliveryAcknowledged {
			want[e.WebhookID]++
			poison[e.WebhookID] = e.Poison != ""
		}
	}
	lost := 0
	for id, n := range want {
		lost += max(0, n-len(outcomes[id]))
		for _, outcome := range outcomes[id] {
			if (outcome == bellhop.OutcomeDead) != poison[id] {
				j.t.Errorf("webhook %s ended as %s; poison: %v", id, outcome, poison[id])
			}
		}
	}
	if lost > 0 {
		j.t.Errorf("%d acknowledged webhooks are lost", lost)
	}
	depth, err := j.parts.Queue.Depth(j.t.Context())
	if err != nil || depth.Dead < count(poison) {
		j.t.Errorf("%d dead letters for %d bodies that make no sense, %v", depth.Dead, count(poison), err)
	}
	wrong := 0
	for key, expected := range ledger.Expect() {
		if problem := j.order(key, expected); problem != "" {
			j.t.Errorf("order %d of %s: %s", key.ID, key.Shop, problem)
			wrong++
		}
	}
	j.t.Logf("%d webhooks acknowledged, %d lost; %d orders, %d wrong; %d executions; processes started: accept %d, start %d, record %d, notify %d, sweep %d",
		ledger.Summary().Acknowledged, lost, len(ledger.Expect()), wrong, j.executions(), j.made["Accept"].Starts(), j.made["Start"].Starts(),
		j.made["Record"].Starts(), j.made["Notify"].Starts(), j.made["Sweep"].Starts())
}

func (j *journey) executions() int {
	all, err := j.machine.Executions(j.t.Context())
	if err != nil {
		j.t.Fatal(err)
	}
	return len(all)
}

// outcomes returns the lines of the ledger by webhook id.
func (j *journey) outcomes() map[string][]bellhop.Outcome {
	out := map[string][]bellhop.Outcome{}
	for q := (store.LineQuery{Limit: 200}); ; {
		page, err := j.parts.Store.Lines(j.t.Context(), q)
		if err != nil {
			j.t.Fatal(err)
		}
		for _, l := range page.Lines {
			out[l.Event.WebhookID] = append(out[l.Event.WebhookID], l.Outcome)
		}
		if q.Cursor = page.Next; page.Next == "" {
			return out
		}
	}
}

// order says what is wrong with an order: it must be there once, as its newest
// version has it, with one push that was sent and one notification on the phone.
func (j *journey) order(key simulate.OrderKey, want simulate.Expected) string {
	got, err := j.parts.Store.Order(j.t.Context(), key.Shop, key.ID)
	switch {
	case bellhop.KindOf(err) == bellhop.NotFound && (want.Deleted || !want.Known || want.Unsure):
		return ""
	case err != nil:
		return err.Error()
	case want.Deleted && !want.Unsure:
		return "it was deleted, and is there"
	case len(got.Pushes) != 1 || got.Pushes[0].Status != bellhop.PushSent:
		return fmt.Sprintf("its pushes are %+v", got.Pushes)
	case !want.Unsure && (got.Total != want.Order.Total || !got.UpdatedAt.Equal(want.Order.UpdatedAt)):
		return fmt.Sprintf("it has %v of %v; want %v of %v", got.Total, got.UpdatedAt, want.Order.Total, want.Order.UpdatedAt)
	}
	n := 0
	for _, slot := range j.fcm.Drawer(j.tokens[key.Shop]) {
		if slot.Tag == "order-"+strconv.FormatInt(key.ID, 10) {
			n++
		}
	}
	if n != 1 {
		return fmt.Sprintf("%d notifications on the phone", n)
	}
	return ""
}

func count(set map[string]bool) (n int) {
	for _, in := range set {
		if in {
			n++
		}
	}
	return n
}
