// Package host runs the steps of the pipeline: it starts them, says how many go
// on at once, turns their errors into acknowledgements, drains and stops.
//
// [Worker] consumes the queue, [Ringer] the pushes that are owed, [Janitor] does
// what has to be done now and then. [Serve] and [Work] put them together: all in
// one process, or the consumer alone.
package host
