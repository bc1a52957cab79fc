// Command twoservices is a runnable example of the use of events. A client's request needs two
// services: parcels packs the order and invoices bills it. First they are chained over REST: both
// must answer, and the client gets their nested errors. Then they follow events: the client gets
// its answer at once, and the work of an absent service waits in its queue. In both, invoices is
// away for a while.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: twoservices amqp://USER:PASSWORD@HOST/VHOST")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "twoservices:", err)
		os.Exit(1)
	}
}

// run shows both ways.
func run(ctx context.Context, url string, out io.Writer) error {
	fmt.Fprintln(out, "Chained over REST: the client asks parcels, which asks invoices.")
	rest, err := newChain()
	if err != nil {
		return err
	}
	defer rest.close()
	if err := play(ctx, rest, out); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nBy events: the client asks the desk, which tells both.")
	pair, err := newByEvents(url)
	if err != nil {
		return err
	}
	defer pair.close()
	return play(ctx, pair, out)
}

// way is one way to connect the two services.
type way interface {
	url() string                     // where the client asks
	invoicesAway(away bool) error    // ends or starts the second service
	wait(context.Context, int) error // until so many orders were billed, if they ever will
	books() (packed, billed *ledger) // each service's results
	close()
}

// The requests; during the middle ones invoices is away.
const (
	requests  = 6
	awayFrom  = 2
	awayUntil = 4
)

// play sends a client's requests, and prints their answers and the results.
func play(ctx context.Context, w way, out io.Writer) error {
	for i := range requests {
		var err error
		switch i {
		case awayFrom:
			fmt.Fprintln(out, "  invoices is away")
			err = w.invoicesAway(true)
		case awayUntil:
			fmt.Fprintln(out, "  invoices is back")
			err = w.invoicesAway(false)
		}
		if err != nil {
			return err
		}
		began := time.Now()
		status, text, err := ask(ctx, w.url(), i+1)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  order %d: %d %s (%v)\n", i+1, status, text, time.Since(began).Round(time.Millisecond))
	}
	if err := w.wait(ctx, requests); err != nil {
		return err
	}
	packed, billed := w.books()
	fmt.Fprintf(out, "  packed: orders %v; billed: orders %v\n", packed.all(), billed.all())
	return nil
}

// ask is the client's request.
func ask(ctx context.Context, url string, order int) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprint(url, "/orders/", order), nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(body)), err
}

// ledger is a service's results: each order once, however many events arrive.
type ledger struct {
	mu     sync.Mutex
	orders map[string]bool
	more   chan struct{} // closed when there is more, and then another
}

func newLedger() *ledger { return &ledger{orders: map[string]bool{}, more: make(chan struct{})} }

func (l *ledger) add(order string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.orders[order] = true
	close(l.more)
	l.more = make(chan struct{})
}

func (l *ledger) all() (orders []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for o := range l.orders {
		orders = append(orders, o)
	}
	slices.Sort(orders)
	return orders
}

// until waits until there are n.
func (l *ledger) until(ctx context.Context, n int) error {
	for {
		l.mu.Lock()
		have, more := len(l.orders), l.more
		l.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
