package bench

import (
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"strings"

	"bellhop"
)

// requirement is something that a step can't do without and that not every machine has.
type requirement struct {
	what string
	fix  string
	has  func(*bench) bool
}

var (
	requiresPostgres = &requirement{"Postgres", "run make bench, or give --postgres",
		func(b *bench) bool { return b.Postgres != "" }}
	requiresRabbitMQ = &requirement{"RabbitMQ", "run make bench, or give --rabbitmq",
		func(b *bench) bool { return b.RabbitMQ != "" }}
	requiresSQS = &requirement{"SQS", "run make bench, or give --sqs", func(b *bench) bool { return b.SQS != "" }}
	requiresGo  = &requirement{"the go command and bellhop's source", "run it from a checkout",
		func(b *bench) bool { return b.source != "" }}
)

// able leaves out the steps that lack something, and says so in one line.
func (b *bench) able(steps []step) (able []step) {
	var out, fixes []string
	for _, s := range steps {
		lacks := false
		for _, n := range s.requires {
			if n.has(b) {
				continue
			}
			lacks = true
			if fix := fmt.Sprintf("no %s: %s", n.what, n.fix); !strings.Contains(strings.Join(fixes, "; "), fix) {
				fixes = append(fixes, fix)
			}
		}
		if lacks {
			out = append(out, s.title)
		} else {
			able = append(able, s)
		}
	}
	if len(out) > 0 {
		b.skipped = fmt.Sprintf("%s (%s)", strings.Join(out, ", "), strings.Join(fixes, "; "))
	}
	return able
}

// checkServer refuses a server on another machine: a load hurts its users.
func checkServer(flag, address string) error {
	u, err := url.Parse(address)
	switch {
	case address == "":
		return nil
	case err != nil || u.Host == "":
		return bellhop.Invalidf("bench", "--%s is not the address of a server", flag) // which may hold a password
	case !isHere(u.Hostname()):
		return bellhop.Invalidf("bench", "--%s names %s, which is not this machine: only loopback addresses are loaded",
			flag, u.Hostname())
	}
	return nil
}

func isHere(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// findSource returns the folder of bellhop's own source; "" when there is none
// or nothing to build it with.
func findSource() string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "bellhop").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
