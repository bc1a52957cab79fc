// Package lambdaruntime runs AWS Lambda functions for tests as the service does:
// real processes that ask the Runtime API for work, are started when there is
// none idle, stand still between invocations and are killed when their time is
// up. Functions are invoked from Go, through the service's Invoke API, through a
// function URL, or by messages of a queue ([Mapping]).
//
// Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package lambdaruntime
