package sqsqueue_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue/sqsqueue"
)

func TestParseURL(t *testing.T) {
	for address, want := range map[string]sqsqueue.Options{
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/orders": {
			Settings: amazon.Settings{Region: "us-east-1"}, Account: "123456789012"},
		"sqs://sqs.cn-north-1.amazonaws.com.cn/123456789012/orders?bucket=b&kms=alias/k": {
			Settings: amazon.Settings{Region: "cn-north-1"}, Account: "123456789012", Bucket: "b", KMSKey: "alias/k"},
		"sqs://sqs.eu-west-1.api.aws/123456789012/orders": {
			Settings: amazon.Settings{Region: "eu-west-1", DualStack: true}, Account: "123456789012"},
		"sqs+http://127.0.0.1:4566/000000000000/orders?region=us-east-1": {
			Settings: amazon.Settings{Region: "us-east-1", Endpoint: "http://127.0.0.1:4566"}, Account: "000000000000"},
		"sqs+https://sqs.internal/000000000000/orders": {
			Settings: amazon.Settings{Endpoint: "https://sqs.internal"}, Account: "000000000000"},
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/orders?envelope=eventbridge": {
			Settings: amazon.Settings{Region: "us-east-1"}, Account: "123456789012", EventBridge: true},
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/orders?envelope=eventbridge&source=aws.partner/shopify.com/47/o": {
			Settings: amazon.Settings{Region: "us-east-1"}, Account: "123456789012", EventBridge: true,
			Source: "aws.partner/shopify.com/47/o"},
	} {
		o, name, err := sqsqueue.ParseURL(address)
		if err != nil || name != "orders" || !cmp.Equal(o.Settings, want.Settings) || o.Account != want.Account ||
			o.Bucket != want.Bucket || o.KMSKey != want.KMSKey || o.EventBridge != want.EventBridge ||
			o.Source != want.Source {
			t.Errorf("%s: %+v, %q, %v", address, o, name, err)
		}
	}
	if _, name, err := sqsqueue.ParseURL("sqs://sqs.us-east-1.amazonaws.com/123456789012/orders.fifo"); name != "orders.fifo" || err != nil {
		t.Errorf("a FIFO queue: %q, %v", name, err)
	}
}

func TestParseURLNamesTheSetting(t *testing.T) {
	for _, bad := range []string{
		"", "sqs:", "sqs:orders", "sqs://orders", "http://sqs.us-east-1.amazonaws.com/123456789012/orders",
		"sqs://sqs.us-east-1.amazonaws.com/orders", "sqs://sqs.us-east-1.amazonaws.com/123/orders",
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/", "sqs://sqs.us-east-1.amazonaws.com/123456789012/a/b",
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/a b", "sqs://sqs.us-east-1.example.com/123456789012/orders",
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/orders?region=eu-west-1",
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/orders?fifo=true",
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/orders?bucket=arn:aws:s3:eu-west-1:123456789012:accesspoint/x",
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/orders?bucket=",
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/orders?envelope=sns",
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/orders?source=aws.partner/shopify.com/47/o",
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/orders?envelope=eventbridge&source=aws.partner/other.com/47/o",
		"sqs+ftp://127.0.0.1/000000000000/orders", "sqs+http:///000000000000/orders",
		"sqs://key:hunter2@sqs.us-east-1.amazonaws.com/123456789012/orders", "sqs://hunter2:%zz@host/x",
		"sqs://sqs.us-east-1.amazonaws.com/123456789012/" + strings.Repeat("a", 71),
	} {
		_, _, err := sqsqueue.ParseURL(bad)
		if bellhop.KindOf(err) != bellhop.Invalid || !strings.HasPrefix(err.Error(), "BELLHOP_QUEUE: ") ||
			strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestNotifyNames(t *testing.T) {
	for name, want := range map[string]string{"orders": "orders-notify", "orders.fifo": "orders-notify.fifo"} {
		if got := sqsqueue.NotifyName(name); got != want {
			t.Errorf("beside %s stands %s, want %s", name, got, want)
		}
	}
}

// TestEventSource names the source for Shopify, in the partition of the queue's region.
func TestEventSource(t *testing.T) {
	const named = "?envelope=eventbridge&source=aws.partner/shopify.com/47/o"
	for address, want := range map[string]string{
		"sqs://sqs.eu-west-1.amazonaws.com/123456789012/orders" + named: "arn:aws:events:eu-west-1::event-source/" +
			"aws.partner/shopify.com/47/o",
		"sqs://sqs.cn-north-1.amazonaws.com.cn/123456789012/orders" + named: "arn:aws-cn:events:cn-north-1::event-source/" +
			"aws.partner/shopify.com/47/o",
		"sqs://sqs.us-gov-west-1.amazonaws.com/123456789012/orders" + named: "arn:aws-us-gov:events:us-gov-west-1::" +
			"event-source/aws.partner/shopify.com/47/o",
		"sqs+http://127.0.0.1:1/123456789012/orders" + named:                         "",
		"sqs://sqs.eu-west-1.amazonaws.com/123456789012/orders?envelope=eventbridge": "",
		"sqs://sqs.eu-west-1.amazonaws.com/123456789012/orders":                      "",
	} {
		o, _, err := sqsqueue.ParseURL(address)
		if got := o.EventSource(); err != nil || got != want {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
}
