package lambdaruntime

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// TestFailuresAreReadAsLambdaDoes keeps the mapping as strict and as lax as the
// real one is.
func TestFailuresAreReadAsLambdaDoes(t *testing.T) {
	messages := []types.Message{{MessageId: aws.String("a")}, {MessageId: aws.String("b")}}
	for payload, want := range map[string]struct {
		failed int
		whole  bool
	}{
		``:                           {0, false},
		`null`:                       {0, false},
		`{}`:                         {0, false},
		`{"batchItemFailures":null}`: {0, false},
		`{"batchItemFailures":[]}`:   {0, false},
		`{"batchItemFailures":[{"itemIdentifier":"b"}]}`:            {1, false},
		`{"batchItemFailures":[{"itemIdentifier":""}]}`:             {0, true},
		`{"batchItemFailures":[{"itemIdentifier":null}]}`:           {0, true},
		`{"batchItemFailures":[{"id":"a"}]}`:                        {0, true},
		`{"batchItemFailures":[{"itemIdentifier":"stranger"}]}`:     {0, true},
		`{"batchItemFailures":[{"itemIdentifier":"a"},{"id":"b"}]}`: {0, true},
		`{"batchItemFailures":`:                                     {0, true},
		`{"batchItemFailures":"a"}`:                                 {0, true},
		`"done"`:                                                    {0, true},
	} {
		failed, whole := failures(Result{Payload: []byte(payload)}, messages)
		if len(failed) != want.failed || whole != want.whole {
			t.Errorf("%s: %v, whole %v", payload, failed, whole)
		}
	}
	if _, whole := failures(Result{Failed: true, Payload: []byte(`{"errorType":"x"}`)}, messages); !whole {
		t.Error("an error was taken for an answer")
	}
}
