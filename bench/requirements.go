package bench

import (
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"slices"
	"strings"

	"bellhop"
)

// needs of steps that not every machine has.
const (
	needsPostgres = "Postgres: run make bench, or give --postgres"
	needsRabbitMQ = "RabbitMQ: run make bench, or give --rabbitmq"
	needsSQS      = "SQS: run make bench, or give --sqs"
	needsGo       = "the go command and bellhop's source: run it from a checkout"
)

// able leaves out the steps that lack something, and says so in one line.
func (b *bench) able(steps []step) (able []step) {
	has := map[string]string{needsPostgres: b.Postgres, needsRabbitMQ: b.RabbitMQ, needsSQS: b.SQS, needsGo: b.source}
	var out, fixes []string
	for _, s := range steps {
		lacks := slices.DeleteFunc(slices.Clone(s.needs), func(need string) bool { return has[need] != "" })
		if len(lacks) == 0 {
			able = append(able, s)
			continue
		}
		out = append(out, s.title)
		for _, need := range lacks {
			if !slices.Contains(fixes, "no "+need) {
				fixes = append(fixes, "no "+need)
			}
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
