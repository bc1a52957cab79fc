package lambdahost

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"bellhop/internal/amazon"
)

// expressLimit is how long an Express execution, and so its answer, may take.
const expressLimit = 5 * time.Minute

// StepFunctions runs a state machine of AWS Step Functions.
type StepFunctions struct {
	arn    string
	client *sfn.Client
}

// NewStepFunctions returns the state machine of an ARN.
func NewStepFunctions(cfg aws.Config, arn string) *StepFunctions {
	return &StepFunctions{arn: arn, client: sfn.NewFromConfig(amazon.Patient(cfg, expressLimit), func(o *sfn.Options) {
		if o.BaseEndpoint != nil {
			o.APIOptions = append(o.APIOptions, keepHost)
		}
	})}
}

// keepHost stops the SDK from adding "sync-" to the host of a configured endpoint.
func keepHost(s *middleware.Stack) error {
	return s.Initialize.Add(middleware.InitializeMiddlewareFunc("keepHost",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
		}), middleware.Before)
}

// RunNow implements [Executions].
func (s *StepFunctions) RunNow(ctx context.Context, name, input string) (string, error) {
	// A repeated request would be a second execution. The queue repeats later.
	out, err := s.client.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: &s.arn, Name: &name,
		Input: &input}, func(o *sfn.Options) { o.Retryer = aws.NopRetryer{} })
	switch {
	case err != nil:
		return "", amazon.Explain(ctx, "run an execution", err)
	case out.Status == types.SyncExecutionStatusSucceeded:
		return "", nil
	case aws.ToString(out.Error) != "":
		return *out.Error, nil
	}
	return string(out.Status), nil
}

// Start implements [Executions].
func (s *StepFunctions) Start(ctx context.Context, name, input string) error {
	_, err := s.client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &s.arn, Name: &name, Input: &input})
	if _, there := errors.AsType[*types.ExecutionAlreadyExists](err); there {
		return nil
	}
	return amazon.Explain(ctx, "start an execution", err)
}
