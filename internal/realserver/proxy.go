package realserver

import (
	"context"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy stands between a driver and its server, and makes the faults of networks. It
// keeps its address while it is stopped.
type Proxy struct {
	Addr  string // HOST:PORT
	t     testing.TB
	proxy *toxiproxy.Proxy
}

// StartProxy starts a proxy to a server at HOST:PORT. It ends with the test.
func StartProxy(t testing.TB, upstream string) *Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{t: t, proxy: toxiproxy.NewProxy(server, "proxy", FreeAddress(t), upstream)}
	p.Start()
	p.Addr = p.proxy.Listen
	t.Cleanup(p.Stop)
	return p
}

// Stop cuts every connection and refuses new ones.
func (p *Proxy) Stop() { p.proxy.Stop() }

// Start lets connections through again.
func (p *Proxy) Start() {
	p.t.Helper()
	must(p.t, p.proxy.Start())
}

// The faults of connections, in toxiproxy's terms.
const (
	// nothing comes back any more
	BlackHole = `{"name":"black hole","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`
	Slow      = `{"name":"slow","type":"latency","stream":"downstream","attributes":{"latency":300}}` // 300 ms
	Reset     = `{"name":"reset","type":"reset_peer","stream":"downstream","attributes":{"timeout":0}}`
	// the server does the work, and its answer is lost
	LoseAnswer = `{"name":"lose answer","type":"limit_data","stream":"downstream","attributes":{"bytes":0}}`
)

// Fault gives all connections a fault until the returned function is called. Broken connections
// stay broken.
func (p *Proxy) Fault(fault string) (mend func()) {
	p.t.Helper()
	toxic, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(fault))
	must(p.t, err)
	return func() {
		p.t.Helper()
		if err := p.proxy.Toxics.RemoveToxic(context.Background(), toxic.Name); err != nil {
			p.t.Error(err)
		}
	}
}
