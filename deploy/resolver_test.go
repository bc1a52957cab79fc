package deploy_test

import (
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"
)

// resolver answers for names as Docker's does: with the addresses of all
// containers of a service.
type resolver struct {
	addr string

	mu    sync.Mutex
	hosts map[string][]string
}

func newResolver(t *testing.T) *resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &resolver{addr: c.LocalAddr().String(), hosts: map[string][]string{}}
	done := make(chan struct{})
	go func() { defer close(done); r.serve(c) }()
	t.Cleanup(func() { c.Close(); <-done })
	return r
}

func (r *resolver) set(name string, hosts ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hosts[name] = hosts
}

func (r *resolver) serve(c net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := r.answer(buf[:n]); answer != nil {
			c.WriteTo(answer, from) // who gets no answer asks again
		}
	}
}

// answer makes a reply of RFC 1035 to a query for the addresses of one name.
func (r *resolver) answer(query []byte) []byte {
	const header, typeA = 12, 1
	if len(query) < header {
		return nil
	}
	name, at := question(query[header:])
	at += header
	if len(query) < at+4 {
		return nil
	}
	var hosts []string
	if r.mu.Lock(); binary.BigEndian.Uint16(query[at:]) == typeA {
		hosts = r.hosts[name]
	}
	r.mu.Unlock()
	reply := append([]byte{}, query[:2]...) // its id
	reply = append(reply, 0x81, 0x80, 0, 1, 0, byte(len(hosts)), 0, 0, 0, 0)
	reply = append(reply, query[header:at+4]...)
	for _, h := range hosts {
		reply = append(reply, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 1, 0, 4) // the name above, for a second
		reply = append(reply, net.ParseIP(h).To4()...)
	}
	return reply
}

// question returns the name that a query is about, and its length there.
func question(b []byte) (name string, length int) {
	var labels []string
	for length < len(b) && b[length] > 0 {
		end := length + 1 + int(b[length])
		if end > len(b) {
			break
		}
		labels = append(labels, string(b[length+1:end]))
		length = end
	}
	return strings.Join(labels, "."), length + 1
}
