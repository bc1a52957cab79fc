package pgqueue

import "bellhop/queue"

// GoneAfter is about how long a consumer without a heartbeat counts as alive.
const GoneAfter = goneAfter * heartbeatEvery

// Silence stops the heartbeat of a queue, as if its process had ended.
func Silence(q queue.Queue) { q.(*Queue).stop() }
