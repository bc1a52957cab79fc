package lambdahost

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a DNS server that knows addresses of one name.
type names struct{ v4, v6 bool }

// resolver asks the names over a pipe, as over TCP.
func (n names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			for n.answer(there) == nil {
			}
		}()
		return here, nil
	}}
}

func (n names) answer(c net.Conn) error {
	var size uint16
	if err := binary.Read(c, binary.BigEndian, &size); err != nil {
		return err
	}
	asked := make([]byte, size)
	if _, err := io.ReadFull(c, asked); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(asked); err != nil {
		return err
	}
	m.Response, m.Additionals = true, nil
	head := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60}
	switch kind := m.Questions[0].Type; {
	case kind == dnsmessage.TypeA && n.v4:
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	case kind == dnsmessage.TypeAAAA && n.v6:
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: [16]byte{15: 1}}}}
	}
	answer, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	return err
}

func TestIPv6IsTriedFirst(t *testing.T) {
	six, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	defer six.Close()
	four, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer four.Close()
	for name, test := range map[string]struct {
		names
		port net.Addr // the listener that is there
		want []string
	}{
		"both":              {names{v4: true, v6: true}, six.Addr(), []string{"tcp6"}},
		"both, one refuses": {names{v4: true, v6: true}, four.Addr(), []string{"tcp6", "tcp4"}},
		"IPv4 alone":        {names{v4: true}, four.Addr(), []string{"tcp4"}},
		"neither":           {names{}, four.Addr(), nil},
	} {
		var tried []string
		d := &net.Dialer{Timeout: 10 * time.Second, Resolver: test.resolver(),
			Control: func(network, _ string, _ syscall.RawConn) error { tried = append(tried, network); return nil }}
		_, port, err := net.SplitHostPort(test.port.String())
		if err != nil {
			t.Fatal(err)
		}
		c, err := dialIPv6First(t.Context(), d, "tcp", net.JoinHostPort("fcm.example.com.", port))
		if (err == nil) != (test.want != nil) || !slices.Equal(tried, test.want) {
			t.Errorf("%s: tried %v, want %v: %v", name, tried, test.want, err)
		}
		if err == nil {
			c.Close()
		}
	}
}
