package amqpqueue

import (
	"cmp"

	"bellhop/internal/rabbit"
	"bellhop/queue"
)

// ParseURL reads the address of a queue from BELLHOP_QUEUE. Its errors name the
// fault.
func ParseURL(address string) (t rabbit.Target, name string, err error) {
	t, params, err := rabbit.Parse(address, "queue")
	if err != nil {
		return t, "", err
	}
	name = cmp.Or(params.Get("queue"), queue.DefaultName)
	return t, name, queue.CheckName(name)
}

// address is the address of a queue for BELLHOP_QUEUE, without the password.
func address(t rabbit.Target, name string) string {
	u := t.URL()
	query := u.Query()
	if name != queue.DefaultName {
		query.Set("queue", name)
	}
	u.RawQuery = query.Encode()
	return u.String()
}
