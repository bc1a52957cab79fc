package pgqueue

import "bellhop/queue"

// GoneAfter is how long a consumer that says nothing is taken to live, about.
const GoneAfter = goneAfter * heartbeatEvery

// Silence has a queue say no longer that it lives, as if its process had ended.
func Silence(q queue.Queue) { q.(*Queue).stop() }
