// Package lambdahost runs the steps of the pipeline as AWS Lambda functions:
//
//   - [Accept] takes webhooks behind a function URL and sends them to the queue.
//   - [Start] hands the queue's messages to a state machine, which calls
//   - [Record] and, if that went well,
//   - [Notify].
//   - [Direct] does both steps in one function, straight from the queue.
//   - [Sweep] does on a schedule what was left owed.
//
// What a queue's message comes to is told one by one
// (ReportBatchItemFailures): a message that is not named as failed is
// acknowledged, so that whatever is not known to be done is named. Work stops
// before the time is up, and what is unfinished is handed back.
package lambdahost
