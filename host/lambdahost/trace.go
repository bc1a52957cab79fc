package lambdahost

import "context"

// TraceHeader returns what X-Ray calls the trace of an invocation, for the
// messages that it sends; "" outside of one. aws-lambda-go leaves it in the
// context under this name.
func TraceHeader(ctx context.Context) string {
	id, _ := ctx.Value("x-amzn-trace-id").(string)
	return id
}
