package bench

import (
	"net/url"
	"slices"
	"strings"

	"bellhop"
)

// backends are where a comparison stores and queues.
type backends struct {
	store, queue            string // in words, for the results
	postgres, rabbitMQ, sqs string
}

// backends reads the settings, and refuses other machines.
func (o *CompareOptions) backends() (p backends, err error) {
	p.store, p.postgres = "sqlite", o.Postgres
	if p.postgres != "" {
		p.store = "postgres"
		if err := o.near("--db", p.postgres, "postgres", "postgresql"); err != nil {
			return p, err
		}
	}
	scheme, _, _ := strings.Cut(o.Queue, ":")
	switch scheme {
	case "sqlite":
		p.queue = "sqlite"
		return p, nil
	case "postgres", "postgresql":
		if p.postgres == "" || o.Queue != "postgres:" {
			return p, bellhop.Invalidf("compare",
				"--queue is %q: give postgres: alone, with --db, for the queue in the same database", shown(o.Queue))
		}
		p.queue = "postgres"
		return p, nil
	case "amqp", "amqps":
		p.queue, p.rabbitMQ = "amqp", o.Queue
		return p, o.near("--queue", o.Queue, "amqp", "amqps")
	case "sqs+http":
		p.queue, p.sqs = "a stand-in for SQS, whose latencies are not AWS's", strings.TrimPrefix(o.Queue, "sqs+")
		return p, o.near("--queue", p.sqs, "http")
	}
	return p, bellhop.Invalidf("compare",
		"--queue is %q: give sqlite:, postgres:, amqp://USER:PASSWORD@HOST/VHOST, or sqs+http://HOST:PORT for a stand-in for SQS", shown(o.Queue))
}

// shown is a setting without the password that may be in it.
func shown(setting string) string {
	if u, err := url.Parse(setting); err == nil {
		return u.Redacted()
	}
	scheme, _, _ := strings.Cut(setting, ":")
	return scheme + ":…"
}

// near refuses a server on another machine: a load hurts its users.
func (o *CompareOptions) near(flag, address string, schemes ...string) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return bellhop.Invalidf("compare", "%s is not the address of a server: give %s://USER:PASSWORD@HOST/…", flag,
			schemes[0])
	}
	if !slices.Contains(schemes, u.Scheme) {
		return bellhop.Invalidf("compare", "%s begins with %q: give %s://USER:PASSWORD@HOST/…", flag, u.Scheme, schemes[0])
	}
	if o.RemoteOK || isHere(u.Hostname()) {
		return nil
	}
	return bellhop.Invalidf("compare",
		"%s names %s, which is not this machine: it would be loaded until it fails; with --remote-ok that is allowed", flag,
		u.Hostname())
}
