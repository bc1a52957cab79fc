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

func TestServersListenOnLoopback(t *testing.T) {
	s, err := StartSQS(t.Context())
	Need(t, err)
	defer s.Stop()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(s.Endpoint, "http://"), ":")
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
	for _, name := range []string{"postgres", "sqs"} {
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
