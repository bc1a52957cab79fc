package sqsqueue_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/internal/realserver"
	"bellhop/queue"
	"bellhop/queue/queuetest"
	"bellhop/queue/sqsqueue"
)

func TestMain(m *testing.M) {
	// The stand-in takes any credentials, and no test may look elsewhere for them.
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_SESSION_TOKEN":         "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_PROFILE": ""} {
		os.Setenv(name, value)
	}
	realserver.SkipExamples(realserver.SQSInstalled())
	queuetest.Main(m, func(ctx context.Context, address string) (queue.Broker, error) {
		o, _, err := sqsqueue.ParseURL(address)
		if err != nil {
			return nil, err
		}
		return sqsqueue.NewBroker(ctx, o)
	})
}

const bucket = "bodies"

// standIn starts fauxqs once for all tests of this process; it ends with it.
var standIn = sync.OnceValues(func() (*realserver.SQS, error) {
	s, err := realserver.StartSQS(context.Background())
	if err != nil {
		return nil, err
	}
	cfg, err := amazon.Load(context.Background(), amazon.Settings{Region: "us-east-1", Endpoint: s.Endpoint})
	if err != nil {
		return nil, err
	}
	_, err = objects(cfg).CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String(bucket)})
	return s, err
})

func objects(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

// deleteBody deletes an event's body from the bucket.
func deleteBody(t testing.TB, e *bellhop.Event) {
	t.Helper()
	cfg, err := amazon.Load(t.Context(), fresh(t).options.Settings)
	if err != nil {
		t.Fatal(err)
	}
	_, err = objects(cfg).DeleteObject(t.Context(),
		&s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(amazon.Key(e))})
	if err != nil {
		t.Fatal(err)
	}
}

var regions atomic.Int64

// opened remembers a broker's options.
type opened struct {
	*sqsqueue.Broker
	options sqsqueue.Options
}

func open(t testing.TB, o sqsqueue.Options) opened {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := sqsqueue.NewBroker(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return opened{b, o}
}

// fresh returns a broker for a region that nobody else uses: queues of the same
// name in two regions are two queues.
func fresh(t testing.TB) opened {
	t.Helper()
	s, err := standIn()
	realserver.Need(t, err)
	region := fmt.Sprintf("test-%d", regions.Add(1))
	return open(t, sqsqueue.Options{Settings: amazon.Settings{Region: region, Endpoint: s.Endpoint},
		Account: "000000000000", Bucket: bucket})
}

var harness = queuetest.Harness{
	Broker: func(t testing.TB) queue.Broker { return fresh(t) },
	Again:  func(t testing.TB, b queue.Broker) queue.Broker { return open(t, b.(opened).options) },
	Address: func(b queue.Broker) string {
		o := b.(opened).options
		return fmt.Sprintf("sqs+http://%s/%s/orders?region=%s&bucket=%s",
			strings.TrimPrefix(o.Settings.Endpoint, "http://"), o.Account, o.Settings.Region, o.Bucket)
	},
	Damage: func(t testing.TB, _ queue.Broker, e *bellhop.Event) { deleteBody(t, e) },
	NotPromised: map[string]string{
		queuetest.PromiseOldest:       "SQS reports the age of the oldest message only to CloudWatch",
		queuetest.PromiseDelayedWaits: "SQS counts a message whose visibility was changed as in flight until that ends",
		"Purge":                       "PurgeQueue drops leased messages, too, and its count is approximate",
		"Suspects":                    "SQS chooses what it hands out together, and counts that itself",
		"FairToFew":                   "fair queues keep one shop from holding up others, and take no strict turns",
	},
	Flaws: map[string]string{
		"Fairness": "fauxqs ignores message groups of standard queues, and hands out in the order of sending",
	},
}

func TestConformance(t *testing.T) { queuetest.Run(t, harness) }
