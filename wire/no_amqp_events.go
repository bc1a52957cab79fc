//go:build noamqp

package wire

func eventsOverAMQP(string) (*eventsDriver, error) { return nil, leftOut("BELLHOP_EVENTS", "amqp:") }
