package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// chain is the two services chained over REST.
type chain struct {
	parcels, invoices *service
	packed, billed    *ledger
	client            http.Client
}

// service is an HTTP server that can go away and come back at its address.
type service struct {
	addr    string
	handler http.Handler
	server  *http.Server
}

func newChain() (c *chain, err error) {
	c = &chain{packed: newLedger(), billed: newLedger()}
	c.client.Transport = &http.Transport{DisableKeepAlives: true} // so that each call meets the same absent service
	if c.invoices, err = startService(c.bill); err != nil {
		return nil, err
	}
	c.parcels, err = startService(c.pack)
	return c, err
}

// pack serves the client: it packs the order, which is useless unless invoices bills it too.
func (c *chain) pack(w http.ResponseWriter, r *http.Request) {
	order := r.PathValue("order")
	c.packed.add(order)
	if err := c.askInvoices(r.Context(), order); err != nil {
		http.Error(w, "parcels: "+err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprint(w, "packed and billed")
}

// askInvoices gives up at the first failure: how often to try, and for how long
// the client waits, every caller in the chain would have to decide.
func (c *chain) askInvoices(ctx context.Context, order string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.invoices.url()+"/orders/"+order, nil)
	if err != nil {
		return err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("invoices: %s", err.Error()[strings.LastIndex(err.Error(), ": ")+2:])
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body) // the status says enough
		return fmt.Errorf("invoices: %s %s", resp.Status, body)
	}
	return nil
}

func (c *chain) bill(w http.ResponseWriter, r *http.Request) { c.billed.add(r.PathValue("order")) }

func (c *chain) url() string                     { return c.parcels.url() }
func (c *chain) books() (packed, billed *ledger) { return c.packed, c.billed }

// wait returns at once: no failed call is repeated.
func (c *chain) wait(context.Context, int) error { return nil }

func (c *chain) invoicesAway(away bool) error {
	if away {
		c.invoices.stop()
		return nil
	}
	return c.invoices.start()
}

func (c *chain) close() {
	c.parcels.stop()
	c.invoices.stop()
}

func startService(handle http.HandlerFunc) (*service, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{order}", handle)
	s := &service{addr: "127.0.0.1:0", handler: mux}
	return s, s.start()
}

func (s *service) start() error {
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	s.addr = l.Addr().String()
	s.server = &http.Server{Handler: s.handler}
	go s.server.Serve(l) // ends with stop
	return nil
}

func (s *service) stop()       { s.server.Close() }
func (s *service) url() string { return "http://" + s.addr }
