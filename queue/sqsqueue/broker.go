package sqsqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go/middleware"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue"
)

// Options say where the queues are. Only the fields that [ParseURL] sets are
// needed.
type Options struct {
	Settings amazon.Settings
	Account  string // of 12 digits; "" is that of the credentials
	Bucket   string // for bodies that fit into no message; "" refuses them
	KMSKey   string // encrypts new queues and objects; "" is SQS's and S3's own key

	// EventBridge says that messages may be envelopes of EventBridge, of Source if there is one. What opens them is Open.
	EventBridge bool
	Source      string

	Log *slog.Logger
	Now func() time.Time
	// Open makes events of messages that bellhop did not send; nil: they are nobody's.
	Open queue.Opener
	// TraceHeader returns the X-Ray header of a send, "" for none.
	TraceHeader func(context.Context) string
	// Rejected is called for each event that is too large.
	Rejected func()
	// Called is called with the name of each request to SQS: SQS bills by requests.
	Called func(operation string)
}

// dlqRetention is SQS's longest. It counts from the first send, so that the queue
// itself keeps events for less.
const (
	retention    = 4 * 24 * time.Hour
	dlqRetention = 14 * 24 * time.Hour
)

// Broker holds the queues of one account in one region.
type Broker struct {
	opts   Options
	cfg    aws.Config
	client *sqs.Client
	poller *sqs.Client // for requests that SQS answers late on purpose
	codec  amazon.Codec
}

var _ queue.Broker = (*Broker)(nil)

// NewBroker sets the SDK up. It sends no request.
func NewBroker(ctx context.Context, o Options) (*Broker, error) {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	cfg, err := amazon.Load(ctx, o.Settings)
	if err != nil {
		return nil, err
	}
	b := &Broker{opts: o, cfg: cfg, client: sqs.NewFromConfig(cfg, o.count)}
	b.codec.Open = o.Open
	b.poller = sqs.NewFromConfig(amazon.Patient(cfg, longPoll+pollSlack), o.count)
	if o.Bucket != "" {
		b.codec.Bucket = amazon.NewBucket(cfg, o.Bucket, o.KMSKey)
	}
	return b, nil
}

// count calls Called for each request, and for each retry of one.
func (o Options) count(s *sqs.Options) {
	if o.Called == nil {
		return
	}
	s.APIOptions = append(s.APIOptions, func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("Called",
			func(ctx context.Context, in middleware.DeserializeInput,
				next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
				o.Called(middleware.GetOperationName(ctx))
				return next.HandleDeserialize(ctx, in)
			}), middleware.After)
	})
}

// Create implements [queue.Broker]. It makes two queues, NAME and NAME-dead,
// both encrypted.
func (b *Broker) Create(ctx context.Context, name string, a queue.Attributes) error {
	if err := errors.Join(checkName(name), a.Validate()); err != nil {
		return err
	}
	if strings.HasSuffix(strings.TrimSuffix(name, fifoSuffix), "-dead") {
		return bellhop.Invalidf("queue_name", "names that end with -dead are for dead letters: give another")
	}
	q, err := b.open(ctx, name)
	switch {
	case bellhop.KindOf(err) == bellhop.NotFound:
		return b.make(ctx, name, a)
	case err != nil:
		return err
	}
	if is := q.cached().attrs; is != whole(a) {
		return bellhop.Errorf(bellhop.Conflict, "queue_exists",
			"the queue %s is there with visibility %v and %d attempts", name, is.Visibility, is.MaxAttempts)
	}
	return nil
}

func (b *Broker) make(ctx context.Context, name string, a queue.Attributes) error {
	dead, err := b.makeOne(ctx, deadName(name), map[string]string{"MessageRetentionPeriod": seconds(dlqRetention)})
	if err != nil {
		return err
	}
	arn, err := b.arn(ctx, dead)
	if err != nil {
		return err
	}
	main, err := b.makeOne(ctx, name, map[string]string{
		"MessageRetentionPeriod": seconds(retention), "VisibilityTimeout": seconds(a.Visibility),
		"RedrivePolicy": redrivePolicy(arn, a.MaxAttempts)})
	if err != nil {
		return err
	}
	if arn, err = b.arn(ctx, main); err != nil {
		return err
	}
	// No other queue may send its dead letters here.
	allow := fmt.Sprintf(`{"redrivePermission":"byQueue","sourceQueueArns":[%q]}`, arn)
	_, err = b.client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &dead,
		Attributes: map[string]string{"RedriveAllowPolicy": allow}})
	return b.explain(ctx, "make the queue "+name, err)
}

func (b *Broker) makeOne(ctx context.Context, name string, attrs map[string]string) (url string, err error) {
	attrs["MaximumMessageSize"] = strconv.Itoa(amazon.MaxMessage)
	attrs["ReceiveMessageWaitTimeSeconds"] = "0" // each receive says how long it waits
	if b.opts.KMSKey != "" {
		attrs["KmsMasterKeyId"] = b.opts.KMSKey
	} else {
		attrs["SqsManagedSseEnabled"] = "true"
	}
	if isFIFO(name) {
		// Shops don't wait for each other's throughput.
		attrs["FifoQueue"], attrs["DeduplicationScope"], attrs["FifoThroughputLimit"] = "true", "messageGroup",
			"perMessageGroupId"
	}
	out, err := b.client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attrs})
	if _, exists := errors.AsType[*types.QueueNameExists](err); exists {
		return b.find(ctx, name, "")
	}
	if _, recent := errors.AsType[*types.QueueDeletedRecently](err); recent {
		return "", bellhop.Errorf(bellhop.Unavailable, "queue_deleted",
			"a queue %s was deleted within the last minute: SQS wants a minute in between", name)
	}
	if err != nil {
		return "", b.explain(ctx, "make the queue "+name, err)
	}
	return *out.QueueUrl, nil
}

func seconds(d time.Duration) string { return strconv.Itoa(int(wholeSeconds(d))) }

func wholeSeconds(d time.Duration) int32 { return int32((d + time.Second - 1) / time.Second) }

// whole rounds to SQS's whole seconds.
func whole(a queue.Attributes) queue.Attributes {
	a.Visibility = time.Duration(wholeSeconds(a.Visibility)) * time.Second
	return a
}

// explain adds the fix to an error of looking after a queue.
func (b *Broker) explain(ctx context.Context, doing string, err error) error {
	return amazon.AtStart(amazon.Explain(ctx, doing, err))
}

// find returns the URL of a queue; account "" is the broker's.
func (b *Broker) find(ctx context.Context, name, account string) (string, error) {
	out, err := b.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name,
		QueueOwnerAWSAccountId: some(cmp.Or(account, b.opts.Account))})
	if missing(err) {
		return "", b.notFound(name)
	}
	if err != nil {
		return "", b.explain(ctx, "look for the queue "+name, err)
	}
	return *out.QueueUrl, nil
}

func missing(err error) bool {
	_, missing := errors.AsType[*types.QueueDoesNotExist](err)
	return missing
}

func (b *Broker) notFound(name string) error {
	return bellhop.Errorf(bellhop.NotFound, "queue_not_found",
		"there is no queue %s in the %v: create it with bellhop queue create, or check region and account",
		clip(name), amazon.Settings{Region: b.cfg.Region, Endpoint: b.opts.Settings.Endpoint})
}

func (b *Broker) attributes(ctx context.Context, url string) (map[string]string, error) {
	out, err := b.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url,
		AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if missing(err) {
		return nil, b.notFound(nameIn(url))
	}
	if err != nil {
		return nil, b.explain(ctx, "ask for the attributes of the queue "+nameIn(url), err)
	}
	return out.Attributes, nil
}

func (b *Broker) arn(ctx context.Context, url string) (string, error) {
	attrs, err := b.attributes(ctx, url)
	return attrs["QueueArn"], err
}

// nameIn returns the name at the end of a queue's URL.
func nameIn(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// Names implements [queue.Broker]. It lists the account's queues with a dead-letter
// queue NAME-dead beside them.
func (b *Broker) Names(ctx context.Context) ([]string, error) {
	all := map[string]bool{}
	pages := sqs.NewListQueuesPaginator(b.client, &sqs.ListQueuesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.explain(ctx, "list the queues", err)
		}
		for _, url := range page.QueueUrls {
			all[nameIn(url)] = true
		}
	}
	alone := func(name string) bool { return !all[deadName(name)] }
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), alone), nil
}

// URL implements [queue.Broker].
func (b *Broker) URL(ctx context.Context, name string) (string, error) {
	url, err := b.find(ctx, name, "")
	if err != nil {
		return "", err
	}
	return b.opts.url(url, b.cfg.Region)
}

// Remove implements [queue.Broker]. It deletes the dead letters too. SQS takes up
// to a minute to delete a queue, and for as long refuses to make one of the same
// name.
func (b *Broker) Remove(ctx context.Context, name string) error {
	if err := b.removeOne(ctx, name); err != nil {
		return err
	}
	err := b.removeOne(ctx, deadName(name))
	if bellhop.KindOf(err) == bellhop.NotFound {
		return nil
	}
	return err
}

func (b *Broker) removeOne(ctx context.Context, name string) error {
	url, err := b.find(ctx, name, "")
	if err == nil {
		_, err = b.client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url})
		err = b.explain(ctx, "delete the queue "+name, err)
	}
	return err
}

// Unchecked returns a queue without a request to SQS, not even whether it is there:
// for a function that may only send, and starts often. Its dead letters are in
// NAME-dead.
func (b *Broker) Unchecked(name string) (*Queue, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if b.opts.Account == "" {
		return nil, bellhop.Invalidf("account", "without the account's number a queue's URL can't be made")
	}
	o := b.client.Options()
	endpoint, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(),
		sqs.EndpointParameters{Region: &o.Region,
			Endpoint: o.BaseEndpoint, UseDualStack: &b.opts.Settings.DualStack, UseFIPS: aws.Bool(false)})
	if err != nil {
		return nil, fmt.Errorf("make the queue's URL: %w", err)
	}
	main, dead := endpoint.URI.JoinPath(b.opts.Account, name), endpoint.URI.JoinPath(b.opts.Account, deadName(name))
	return b.queue(name, main.String(), dead.String()), nil
}

// Open implements [queue.Broker]. It refuses a queue that would lose events or
// store them unencrypted.
func (b *Broker) Open(ctx context.Context, name string) (queue.Queue, error) {
	q, err := b.open(ctx, name)
	if err != nil {
		return nil, err
	}
	if b.codec.Bucket != nil {
		if err := b.codec.Bucket.Reachable(ctx); err != nil {
			return nil, amazon.AtStart(err)
		}
	}
	return q, nil
}
