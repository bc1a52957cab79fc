package amqpqueue

import (
	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop/internal/bodies"
)

// PackWith makes a broker pack as a bellhop with another sample would.
func (b *Broker) PackWith(sample []byte) { b.packer = bodies.With(sample) }

// Incoming returns the arguments of a lane of messages that came in.
func Incoming() amqp.Table {
	n := names("orders")
	for _, d := range n.queues() {
		if d.name == n.lane(incoming) {
			return d.args
		}
	}
	return nil
}
