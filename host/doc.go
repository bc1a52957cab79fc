// Package host runs the steps of the pipeline: it starts them, says how many go
// on at once, turns their errors into acknowledgements, drains and stops.
//
// [Worker] consumes the queue, [PushWorker] sends the pushes that are
// owed, [Maintenance] does the periodic work. [Serve] and [Work] put them together: all in
// one process, or the consumer alone.
package host
