package rabbit_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"bellhop"
	"bellhop/internal/rabbit"
	"bellhop/internal/realserver"
)

func TestParse(t *testing.T) {
	target, params, err := rabbit.Parse("amqp://jo:s%40cret@mq.example:5673/shop%2Fone?queue=orders&heartbeat=5",
		"queue")
	if err != nil {
		t.Fatal(err)
	}
	if target.Addr != "mq.example:5673" || target.VHost != "shop/one" || target.User != "jo" ||
		target.Password() != "s@cret" || params.Get("queue") != "orders" {
		t.Errorf("read %+v, %v", target, params)
	}
	for address, want := range map[string]string{"amqp://h": "h:5672 / guest", "amqps://h/": "h:5671 / guest",
		"amqp://[::1]/v": "[::1]:5672 v guest"} {
		target, _, err := rabbit.Parse(address)
		if got := fmt.Sprint(target.Addr, " ", target.VHost, " ", target.User); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", address, got, err, want)
		}
	}
}

// TestParseRefuses checks that one line names the fault of an address, without the
// password.
func TestParseRefuses(t *testing.T) {
	for address, want := range map[string]string{
		"http://jo:secret@h/":                            `"http" is neither`,
		"amqp:h":                                         "not an address",
		"amqp://jo:se#cret@h/":                           "", // the rest is a fragment, or no port
		"amqp://jo:secret@/v":                            "names no host",
		"amqp://jo:secret@h/a/b":                         "write %2F",
		"amqp://jo:secret@h/?queue=orders":               `no parameter "queue"`,
		"amqp://jo:secret@h/?heartbeat=0":                "give 1 to 60",
		"amqp://jo:secret@h/?heartbeat=":                 "no value",
		"amqp://jo:secret@h/?verify=verify_none":         "write amqps:",
		"amqps://jo:secret@h/?verify=maybe":              "verify_peer or verify_none",
		"amqps://jo:secret@h/?cacertfile=/nowhere":       "can't be read",
		"amqps://jo:secret@h/?certfile=/nowhere":         "no certificate with its key",
		"amqps://jo:secret@h/?auth_mechanism=external":   "give certfile and keyfile",
		"amqps://jo:secret@h/?auth_mechanism=magic":      "plain or external",
		"amqps://jo:secret@h/?cacertfile=target_test.go": "holds no certificate",
	} {
		_, _, err := rabbit.Parse(address)
		wantLine(t, address, err, bellhop.Invalid, want)
	}
}

func wantLine(t *testing.T, what string, err error, kind bellhop.Kind, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	text := err.Error()
	if bellhop.KindOf(err) != kind || !strings.Contains(text, want) || strings.Contains(text, "\n") ||
		strings.Contains(text, "secret") || strings.Contains(text, "only-for-tests") {
		t.Errorf("%s: %q of kind %d; want one line of kind %d with %q and no password", what, text, bellhop.KindOf(err),
			kind, want)
	}
}

func TestDiagnosis(t *testing.T) {
	r := server(t)
	vhost := newVHost(t, r)
	if _, err := r.Ctl(t.Context(), "add_user", "stranger", "secret"); err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	go func() {
		if c, err := other.Accept(); err == nil {
			fmt.Fprint(c, "220 mail.example ESMTP\r\n")
			defer c.Close()
		}
	}()
	free, err := realserver.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	another := realserver.NewCertificate(t)
	for _, c := range []struct {
		name, address string
		kind          bellhop.Kind
		want          string
	}{
		{"refused", fmt.Sprintf("amqp://jo:secret@127.0.0.1:%d/", free), bellhop.Unavailable, "start RabbitMQ"},
		{"no such host", "amqp://jo:secret@nowhere.invalid/", bellhop.Unavailable, "there is no host nowhere.invalid"},
		{"silent", fmt.Sprintf("amqp://jo:secret@%s/?connection_timeout=300", silent.Addr()), bellhop.Unavailable, "did not answer in time"},
		{"silent with TLS", fmt.Sprintf("amqps://jo:secret@%s/?connection_timeout=300", silent.Addr()), bellhop.Unavailable, "did not answer in time"},
		{"another server", fmt.Sprintf("amqp://jo:secret@%s/", other.Addr()), bellhop.Invalid, "is not RabbitMQ"},
		{"wrong password", fmt.Sprintf("amqp://bellhop:secret@%s/%s", r.Addr, vhost), bellhop.Invalid, "refuses user bellhop"},
		{"no such vhost", r.URL("nowhere"), bellhop.Invalid, "there is no virtual host nowhere"},
		{"vhost not allowed", fmt.Sprintf("amqp://stranger:secret@%s/%s", r.Addr, vhost), bellhop.Invalid, "does not let user stranger into virtual host " + vhost},
		{"TLS against a plain port", strings.Replace(r.URL(vhost), "amqp:", "amqps:", 1), bellhop.Invalid, "does not support TLS"},
		{"plain against TLS", RabbitTLS(r, "amqp", vhost, ""), bellhop.Invalid, "requires TLS"},
		{"untrusted certificate", RabbitTLS(r, "amqps", vhost, ""), bellhop.Invalid, "can't be trusted"},
		{"another authority", RabbitTLS(r, "amqps", vhost, another.Authority), bellhop.Invalid, "can't be trusted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			target, _, err := rabbit.Parse(c.address)
			if err != nil {
				t.Fatal(err)
			}
			_, err = target.Dial(t.Context(), "test")
			wantLine(t, c.name, err, c.kind, c.want)
		})
	}
}

// RabbitTLS is the address of the port with TLS.
func RabbitTLS(r *realserver.RabbitMQ, scheme, vhost, authority string) string {
	u := strings.Replace(realserver.RabbitURL(r.TLSAddr, vhost), "amqp:", scheme+":", 1)
	if authority != "" {
		u += "?cacertfile=" + authority
	}
	return u
}

func TestTLS(t *testing.T) {
	r := server(t)
	target, _, err := rabbit.Parse(RabbitTLS(r, "amqps", newVHost(t, r), certificate.Authority))
	if err != nil {
		t.Fatal(err)
	}
	c, err := target.Dial(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	rabbit.Hangup(c)
}

func TestDialEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	target, _, err := rabbit.Parse("amqp://" + silent.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := silent.Accept(); err == nil {
			cancel()
			defer c.Close()
		}
	}()
	if _, err := target.Dial(ctx, "test"); err == nil {
		t.Error("it connected to nobody")
	}
}
