package lambdahost

import "context"

// TraceHeader returns X-Ray's header for the trace of an invocation; "" outside of
// one. aws-lambda-go leaves it in the context under this name.
func TraceHeader(ctx context.Context) string {
	id, _ := ctx.Value("x-amzn-trace-id").(string)
	return id
}
