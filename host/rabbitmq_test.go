package host_test

import (
	"net/http"
	"net/url"
	"testing"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// These tests are not parallel: they measure answers, and stop the shared server.

// serveRabbit serves with its queue in RabbitMQ and its database in a file.
func serveRabbit(t *testing.T, queue string) *alone {
	t.Helper()
	a := &alone{served: serveOn(t, wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: queue}, wire.Options{}, nil)}
	a.direct = a.parts.Store
	return a
}

// rabbitBehind returns a proxy, and the address of an empty virtual host behind
// it.
func rabbitBehind(t *testing.T) (*realserver.Proxy, string) {
	t.Helper()
	u, err := url.Parse(newRabbitQueue(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := realserver.StartProxy(t, u.Host)
	u.Host = proxy.Addr
	return proxy, u.String()
}

// TestRabbitMQAway takes the queue away in every way of networks: bellhop refuses or
// keeps every webhook, /readyz names the missing part, and everything goes on by itself.
func TestRabbitMQAway(t *testing.T) {
	for name, leave := range waysToLeave {
		t.Run(name, func(t *testing.T) {
			proxy, queue := rabbitBehind(t)
			serveRabbit(t, queue).outlives(proxy, leave, "queue")
		})
	}
}

// TestRabbitMQSlow delays each answer of RabbitMQ by 300 ms.
func TestRabbitMQSlow(t *testing.T) {
	proxy, queue := rabbitBehind(t)
	serveRabbit(t, queue).bears(proxy)
}

// TestConfirmWhichIsLost loses the answer to a send: whether bellhop refuses its webhook
// or sends again, it records it once.
func TestConfirmWhichIsLost(t *testing.T) {
	proxy, queue := rabbitBehind(t)
	a := serveRabbit(t, queue)
	for range 5 {
		a.place()
		mend := proxy.Fault(realserver.LoseAnswer)
		a.knock()
		mend()
		a.place()
	}
	a.untilKept()
	totals, err := a.direct.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := int(totals[bellhop.OutcomeRecorded]); n < len(a.accepted) || n > a.n {
		t.Errorf("%d orders were recorded of %d that were accepted and %d that were refused", n, len(a.accepted),
			len(a.refused))
	}
}

// TestRabbitMQStopped stops the server under it and starts it again.
func TestRabbitMQStopped(t *testing.T) {
	queue := newRabbitQueue(t)
	server, _ := theRabbitMQ()
	a := serveRabbit(t, queue)
	a.flood()
	server.Stop()
	a.flood()
	untilReady(t, a.url, http.StatusServiceUnavailable, "queue")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.place()
	untilReady(t, a.url, http.StatusOK)
	a.untilKept()
}

// TestRabbitMQMemoryAlarm makes RabbitMQ accept nothing for a while.
func TestRabbitMQMemoryAlarm(t *testing.T) {
	queue := newRabbitQueue(t)
	server, _ := theRabbitMQ()
	a := serveRabbit(t, queue)
	a.flood()
	if err := server.SetMemoryAlarm(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	a.flood()
	untilReady(t, a.url, http.StatusServiceUnavailable, "queue")
	if got := a.knock(); got != http.StatusServiceUnavailable {
		t.Errorf("under an alarm a webhook is answered %d", got)
	}
	if err := server.SetMemoryAlarm(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	a.place()
	untilReady(t, a.url, http.StatusOK)
	a.untilKept()
}
