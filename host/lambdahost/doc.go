// Package lambdahost runs the steps of the pipeline as AWS Lambda functions:
//
//   - [Accept] takes webhooks behind a function URL and sends them to the queue.
//   - [Start] hands the queue's messages to a state machine, which calls
//   - [Record] and, if that went well,
//   - [Notify].
//   - [Direct] does both steps in one function, straight from the queue.
//   - [Sweep] sends owed pushes on a schedule.
//
// The functions report each message by itself (ReportBatchItemFailures): SQS
// acknowledges a message that they do not name as failed, so they name all that are
// not certainly done. They stop before the time is up and hand back unfinished
// messages.
package lambdahost
