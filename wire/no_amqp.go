//go:build noamqp

package wire

func amqpQueue(*drivers) (queueDriver, error) { return nil, leftOut("BELLHOP_QUEUE", "amqp:") }
