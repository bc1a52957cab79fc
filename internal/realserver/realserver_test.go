package realserver

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// childEnv tells a copy of the test process to start the server of that name,
// say where it is and wait to be killed.
const childEnv = "BELLHOP_REALSERVER_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "postgres":
		p, err := StartPostgres(context.Background())
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.Addr)
	case "sqs":
		s, err := StartSQS(context.Background())
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(strings.TrimPrefix(s.Endpoint, "http://"))
	case "rabbitmq":
		r, err := StartRabbitMQ(context.Background())
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(r.Addr)
	}
	select {}
}

func TestPostgres(t *testing.T) {
	p, err := StartPostgres(t.Context())
	Need(t, err)
	defer p.Close()
	name, err := p.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	create := func() error {
		c, err := pgx.Connect(t.Context(), p.URL(name))
		if err != nil {
			return err
		}
		defer c.Close(t.Context())
		_, err = c.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS kept (n int)")
		return err
	}
	if err := create(); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if err := create(); err == nil {
		t.Error("a stopped server answers")
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := create(); err != nil {
		t.Error(err)
	}
}

func TestRabbitMQ(t *testing.T) {
	r, err := StartRabbitMQ(t.Context())
	Need(t, err)
	defer r.Close()
	vhost, err := r.NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{r.Addr, fmt.Sprint(":", r.epmdPort)} {
		wantLoopback(t, addr)
	}
	r.Stop()
	if err := hears(r.Addr, "AMQP\x00\x00\x09\x01")(t.Context()); err == nil {
		t.Error("a stopped node answers")
	}
	if err := r.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := r.Ctl(t.Context(), "list_vhosts"); err != nil || !strings.Contains(out, vhost) {
		t.Errorf("after a restart the virtual hosts are %q, %v; want %s among them", out, err, vhost)
	}
	dist, err := r.Ctl(t.Context(), "eval", `{ok, L} = erl_epmd:names({127,0,0,1}), [P || {"bellhop", P} <- L].`)
	if err != nil {
		t.Fatal(err)
	}
	wantLoopback(t, ":"+strings.Trim(dist, "[]"))
}

func TestServersListenOnLoopback(t *testing.T) {
	s, err := StartSQS(t.Context())
	Need(t, err)
	defer s.Stop()
	wantLoopback(t, strings.TrimPrefix(s.Endpoint, "http://"))
}

// wantLoopback checks that a port is open on loopback and nowhere else.
func wantLoopback(t *testing.T, addr string) {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(addr, ":")
	if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port)); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	for _, a := range addrs {
		ip, _, _ := net.ParseCIDR(a.String())
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			continue
		}
		if c, err := net.Dial("tcp", net.JoinHostPort(ip.String(), port)); err == nil {
			c.Close()
			t.Errorf("it listens on %s", ip)
		}
	}
}

// TestServersEndWithTheirProcess kills a process that started a server.
func TestServersEndWithTheirProcess(t *testing.T) {
	for _, name := range []string{"postgres", "sqs", "rabbitmq"} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"="+name)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			lines.Scan()
			addr := lines.Text()
			if strings.Contains(addr, ErrMissing.Error()) {
				Need(t, ErrMissing)
			}
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatalf("the child said %q: %v", addr, err)
			}
			cmd.Process.Kill()
			cmd.Wait()
			if _, err := bufio.NewReader(c).ReadByte(); err == nil {
				t.Error("the server talks, and was asked nothing")
			}
			c.Close()
		})
	}
}
