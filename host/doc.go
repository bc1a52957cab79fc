// Package host runs the steps of the pipeline: it starts them, sets how many run at
// once, turns their errors into acknowledgements, drains and stops.
//
// [Worker] consumes the queue, [PushWorker] sends owed pushes, [Maintenance] does the
// periodic work. [Run] puts together those that [Steps] asks for.
package host
