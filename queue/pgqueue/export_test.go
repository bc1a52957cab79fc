package pgqueue

import "bellhop/queue"

// GoneAfter is about how long a consumer without a heartbeat counts as alive.
const GoneAfter = goneAfter * heartbeatEvery

// NotifyEvery is the shortest time between two notifications.
const NotifyEvery = notifyEvery

// Silence stops the heartbeat of a queue, as if its process had ended.
func Silence(q queue.Queue) { q.(*Queue).stop() }
