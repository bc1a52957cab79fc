package sqsqueue_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"bellhop/internal/amazon"
	"bellhop/queue"
	"bellhop/queue/sqsqueue"
)

// request is a request to the recorded service.
type request map[string]any

func (r request) text(path ...any) string {
	var v any = map[string]any(r)
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			l, _ := v.([]any)
			if s >= len(l) {
				return ""
			}
			v = l[s]
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func (r request) entries() []request {
	list, _ := r["Entries"].([]any)
	out := make([]request, len(list))
	for i, e := range list {
		out[i] = e.(map[string]any)
	}
	return out
}

// olderCodes are the codes that SQS sends beside the names of its service model.
var olderCodes = map[string]string{
	"QueueDoesNotExist":    "AWS.SimpleQueueService.NonExistentQueue",
	"PurgeQueueInProgress": "AWS.SimpleQueueService.PurgeQueueInProgress",
	"BatchRequestTooLong":  "AWS.SimpleQueueService.BatchRequestTooLong",
	"UnsupportedOperation": "AWS.SimpleQueueService.UnsupportedOperation",
	"QueueNameExists":      "QueueAlreadyExists", "QueueDeletedRecently": "AWS.SimpleQueueService.QueueDeletedRecently",
	"KmsDisabled": "KMS.DisabledException",
	"OverLimit":   "OverLimit", "ReceiptHandleIsInvalid": "ReceiptHandleIsInvalid",
	"RequestThrottled": "RequestThrottled",
}

// fault is an error of SQS.
type fault struct {
	status  int
	code    string
	message string
}

// recorded answers as SQS does, in the shapes of its service model (botocore,
// sqs/2012-11-05), where the stand-in can't.
type recorded struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]func(request) any // by operation; a fault is an error
	got     map[string][]request
}

const (
	mainURL = "https://sqs.us-east-1.amazonaws.com/123456789012/orders"
	mainARN = "arn:aws:sqs:us-east-1:123456789012:orders"
)

func newRecorded(t *testing.T) *recorded {
	t.Helper()
	r := &recorded{got: map[string][]request{}}
	r.answers = map[string]func(request) any{
		"GetQueueUrl": func(q request) any {
			return map[string]any{"QueueUrl": strings.TrimSuffix(mainURL, "orders") + q.text("QueueName")}
		},
		"GetQueueAttributes": func(q request) any { return map[string]any{"Attributes": attributesOf(q.text("QueueUrl"))} },
		"ReceiveMessage":     func(request) any { return map[string]any{} },
	}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// attributesOf returns the attributes of a queue that bellhop made.
func attributesOf(url string) map[string]string {
	name := url[strings.LastIndexByte(url, '/')+1:]
	a := map[string]string{"QueueArn": "arn:aws:sqs:us-east-1:123456789012:" + name, "VisibilityTimeout": "30",
		"MaximumMessageSize":   "1048576",
		"SqsManagedSseEnabled": "true", "ApproximateNumberOfMessages": "0",
		"ApproximateNumberOfMessagesNotVisible": "0",
		"ApproximateNumberOfMessagesDelayed":    "0", "ReceiveMessageWaitTimeSeconds": "0"}
	if base, fifo := strings.CutSuffix(name, ".fifo"); fifo {
		a["FifoQueue"] = "true"
		name = base
	}
	if !strings.HasSuffix(name, "-dead") {
		a["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:%s-dead",`+
			`"maxReceiveCount":"3"}`, name)
	}
	return a
}

func (r *recorded) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	operation := strings.TrimPrefix(req.Header.Get("X-Amz-Target"), "AmazonSQS.")
	body, _ := io.ReadAll(req.Body)
	in := request{}
	if err := json.Unmarshal(body, &in); err != nil || req.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		http.Error(w, "not the protocol", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.got[operation] = append(r.got[operation], in)
	answer := r.answers[operation]
	r.mu.Unlock()
	var out any = fault{400, "UnsupportedOperation", "no answer is recorded for " + operation}
	if answer != nil {
		out = answer(in)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if f, ok := out.(fault); ok {
		if old := olderCodes[f.code]; old != "" {
			w.Header().Set("X-Amzn-Query-Error", old+";Sender")
		}
		w.WriteHeader(f.status)
		out = map[string]string{"__type": "com.amazonaws.sqs#" + f.code, "message": f.message}
	}
	json.NewEncoder(w).Encode(out)
}

func (r *recorded) on(operation string, answer func(request) any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[operation] = answer
}

// asked returns the requests of an operation so far.
func (r *recorded) asked(operation string) []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.got[operation]...)
}

func (r *recorded) broker(t *testing.T, change ...func(*sqsqueue.Options)) *sqsqueue.Broker {
	t.Helper()
	o := sqsqueue.Options{Settings: amazon.Settings{Region: "us-east-1", Endpoint: r.URL}, Account: "123456789012",
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, c := range change {
		c(&o)
	}
	b, err := sqsqueue.NewBroker(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (r *recorded) open(t *testing.T, name string, change ...func(*sqsqueue.Options)) queue.Queue {
	t.Helper()
	q, err := r.broker(t, change...).Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

// sent is the answer to SendMessage.
func sent(q request) any {
	sum := md5.Sum([]byte(q.text("MessageBody")))
	return map[string]string{"MessageId": "m", "MD5OfMessageBody": hex.EncodeToString(sum[:])}
}

// sentBatch answers SendMessageBatch; failures names codes by entry.
func sentBatch(q request, failures map[int]fault) any {
	var ok, failed []map[string]any
	for i, e := range q.entries() {
		if f, bad := failures[i]; bad {
			failed = append(failed, map[string]any{"Id": e.text("Id"), "Code": f.code, "Message": f.message,
				"SenderFault": f.status < 500})
			continue
		}
		one := sent(e).(map[string]string)
		ok = append(ok, map[string]any{"Id": e.text("Id"), "MessageId": "m" + strconv.Itoa(i),
			"MD5OfMessageBody": one["MD5OfMessageBody"]})
	}
	return map[string]any{"Successful": ok, "Failed": failed}
}

// allDone answers a batch of deletions or changes of visibility.
func allDone(q request) any {
	var ok []map[string]any
	for _, e := range q.entries() {
		ok = append(ok, map[string]any{"Id": e.text("Id")})
	}
	return map[string]any{"Successful": ok, "Failed": []any{}}
}
