package sqsqueue_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"bellhop/internal/amazon"
	"bellhop/queue"
	"bellhop/queue/queuetest"
)

func BenchmarkQueue(b *testing.B) { queuetest.Bench(b, harness) }

// BenchmarkBareSender is the yardstick of BenchmarkQueue/Send: the same bodies from
// as many callers, batched by the SDK and a channel.
func BenchmarkBareSender(b *testing.B) {
	broker := fresh(b)
	cfg, err := amazon.Load(b.Context(), broker.options.Settings)
	if err != nil {
		b.Fatal(err)
	}
	client := sqs.NewFromConfig(cfg)
	made, err := client.CreateQueue(b.Context(), &sqs.CreateQueueInput{QueueName: aws.String("bare")})
	if err != nil {
		b.Fatal(err)
	}
	type one struct {
		body string
		done chan error
	}
	jobs := make(chan one, 64)
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for first := range jobs {
				batch := []one{first}
				for len(batch) < 10 && len(jobs) > 0 {
					batch = append(batch, <-jobs)
				}
				in := &sqs.SendMessageBatchInput{QueueUrl: made.QueueUrl}
				for i := range batch {
					in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)),
						MessageBody: &batch[i].body})
				}
				_, err := client.SendMessageBatch(context.Background(), in)
				for _, o := range batch {
					o.done <- err
				}
			}
		})
	}
	defer senders.Wait()
	defer close(jobs)
	var n atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		done := make(chan error)
		for pb.Next() {
			jobs <- one{string(order(int(n.Add(1)))), done}
			if err := <-done; err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// order is a body of 5 KB, as queuetest's.
func order(n int) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	var body bytes.Buffer
	for body.Len() < 5000 {
		fmt.Fprintf(&body, `{"id":%d,"title":"Linen apron","price":"%d.00","quantity":1},`, rng.Uint64(), rng.IntN(500))
	}
	return body.Bytes()
}

// BenchmarkRequests counts requests to SQS, since SQS bills by them: one event at a
// time, and a flood. It reports requests per event, with the receiver's and the
// deletions.
func BenchmarkRequests(b *testing.B) {
	for _, test := range []struct {
		name    string
		callers int
	}{{"OneAtATime", 1}, {"Flood", 64}} {
		b.Run(test.name, func(b *testing.B) {
			var mu sync.Mutex
			calls := map[string]int{}
			o := fresh(b).options
			o.Called = func(operation string) {
				mu.Lock()
				defer mu.Unlock()
				calls[operation]++
			}
			broker := open(b, o)
			if err := broker.Create(b.Context(), "orders", queue.DefaultAttributes()); err != nil {
				b.Fatal(err)
			}
			q, err := broker.Open(b.Context(), "orders")
			if err != nil {
				b.Fatal(err)
			}
			defer q.Close()
			work(b, q, test.callers)
			for _, operation := range []string{"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage",
				"DeleteMessageBatch"} {
				b.ReportMetric(float64(calls[operation])/float64(b.N), operation+"/event")
			}
		})
	}
}

// work sends b.N events while a worker takes them. A lone caller waits for each
// to be settled, as if there were nothing else that second.
func work(b *testing.B, q queue.Queue, callers int) {
	settled := make(chan struct{}, b.N)
	var worker sync.WaitGroup
	worker.Go(func() {
		for done := 0; done < b.N; {
			ds, err := q.Receive(b.Context(), 256)
			if err != nil {
				b.Error(err)
				return
			}
			var acks []queue.Settlement
			for _, d := range ds {
				acks = append(acks, queue.Settlement{Receipt: d.Receipt})
			}
			if err := q.Settle(b.Context(), acks...); err != nil {
				b.Error(err)
			}
			for range ds {
				settled <- struct{}{}
			}
			done += len(ds)
		}
	})
	var n atomic.Int64
	var senders sync.WaitGroup
	for range callers {
		senders.Go(func() {
			for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
				e := event(int(i))
				e.Body = order(int(i))
				if err := q.Send(b.Context(), e); err != nil {
					b.Error(err)
				}
				if callers == 1 {
					<-settled
				}
			}
		})
	}
	senders.Wait()
	worker.Wait()
}
