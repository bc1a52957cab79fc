package amqpqueue

import "bellhop/internal/bodies"

// PackWith makes a broker pack as a bellhop with another sample would.
func (b *Broker) PackWith(sample []byte) { b.packer = bodies.With(sample) }
