// Package rabbit is shared by the parts on RabbitMQ: a broker's address, connecting with clear
// errors, and a publisher that returns once the broker has made a message durable.
package rabbit

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop"
)

// Target is a virtual host of a broker, as the URL of a setting names it.
type Target struct {
	Addr     string // HOST:PORT
	VHost    string
	User     string
	password string
	external bool // the certificate says who we are
	address  *url.URL
	own      []string // parameters of the caller

	TLS       *tls.Config // nil without
	heartbeat time.Duration
	timeout   time.Duration // to connect
}

const (
	heartbeat = 10 * time.Second
	// connectTimeout is above the three seconds after which RabbitMQ breaks off
	// when it refuses a password.
	connectTimeout = 5 * time.Second
)

// Parse reads an address in the form of RabbitMQ's own specification
// (https://www.rabbitmq.com/docs/uri-spec): amqp: or amqps:, with the parameters cacertfile,
// certfile, keyfile, verify, server_name_indication, auth_mechanism, heartbeat and
// connection_timeout. It returns the parameters named in own to the caller and refuses others. Its
// errors name neither the setting nor its secrets.
func Parse(address string, own ...string) (t Target, params url.Values, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" {
		return t, nil, found("it is not an address; in a user's name or password write %%40 for @, %%2F for / and so on")
	}
	if err := t.where(u); err != nil {
		return t, nil, err
	}
	t.address, t.own = u, own
	t.User, t.password = "guest", "guest"
	if u.User != nil {
		t.User = u.User.Username()
		t.password, _ = u.User.Password()
	}
	params = url.Values{}
	return t, params, t.parameters(u, own, params)
}

// where reads all before the parameters.
func (t *Target) where(u *url.URL) error {
	port := "5672"
	switch u.Scheme {
	case "amqp":
	case "amqps":
		port = "5671"
		t.TLS = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	default:
		return found("%q is neither amqp: nor amqps:", clip(u.Scheme))
	}
	if u.Hostname() == "" {
		return found("it names no host")
	}
	t.Addr = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	if u.Fragment != "" {
		return found("it has a #; in a user's name or password write %%23")
	}
	vhost := strings.TrimPrefix(u.EscapedPath(), "/")
	if strings.Contains(vhost, "/") {
		return found("its virtual host %q holds a slash; write %%2F", clip(vhost))
	}
	t.VHost = cmp.Or(strings.TrimPrefix(u.Path, "/"), "/")
	return nil
}

func (t *Target) parameters(u *url.URL, own []string, rest url.Values) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return found("its parameters can't be read")
	}
	t.heartbeat, t.timeout = heartbeat, connectTimeout
	for name, values := range query {
		if len(values) != 1 || values[0] == "" {
			return found("the parameter %s has no value, or several", clip(name))
		}
		if slices.Contains(own, name) {
			rest[name] = values
			continue
		}
		if err := t.parameter(name, values[0]); err != nil {
			return err
		}
	}
	return t.certificate(query.Get("certfile"), query.Get("keyfile"))
}

// parameter takes one of RabbitMQ's parameters in.
func (t *Target) parameter(name, value string) (err error) {
	switch name {
	case "cacertfile", "certfile", "keyfile", "verify", "server_name_indication":
		if t.TLS == nil {
			return found("the parameter %s is for TLS, and the address begins with amqp:; write amqps:", name)
		}
	}
	switch name {
	case "cacertfile":
		t.TLS.RootCAs, err = authority(value)
	case "certfile", "keyfile": // see certificate
	case "verify":
		if value != "verify_peer" && value != "verify_none" {
			return found("the parameter verify is %q: give verify_peer or verify_none", clip(value))
		}
		t.TLS.InsecureSkipVerify = value == "verify_none"
	case "server_name_indication":
		t.TLS.ServerName = value
	case "auth_mechanism":
		if value != "plain" && value != "external" {
			return found("the parameter auth_mechanism is %q: give plain or external", clip(value))
		}
		t.external = value == "external"
	case "heartbeat":
		t.heartbeat, err = number(name, value, time.Second, 1, 60)
	case "connection_timeout":
		t.timeout, err = number(name, value, time.Millisecond, 1, 600_000)
	default:
		return found("there is no parameter %q", clip(name))
	}
	return err
}

func number(name, value string, unit time.Duration, least, most int) (time.Duration, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, found("the parameter %s is %q: give %d to %d", name, clip(value), least, most)
	}
	return time.Duration(n) * unit, nil
}

func authority(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, found("the parameter cacertfile names a file that can't be read: %v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, found("the file %s, which cacertfile names, holds no certificate", clip(file))
	}
	return pool, nil
}

func (t *Target) certificate(cert, key string) error {
	if cert == "" && key == "" {
		if t.external {
			return found("auth_mechanism is external, and there is no certificate: give certfile and keyfile")
		}
		return nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return found("certfile and keyfile are no certificate with its key: %v", err)
	}
	t.TLS.Certificates = []tls.Certificate{pair}
	return nil
}

// URL is the address that was parsed, without the caller's own parameters and the
// password.
func (t Target) URL() *url.URL {
	u := *t.address
	if u.User != nil {
		u.User = url.User(t.User)
	}
	query := u.Query()
	for _, name := range t.own {
		query.Del(name)
	}
	u.RawQuery = query.Encode()
	return &u
}

// String is the target without its password, for people.
func (t Target) String() string {
	return fmt.Sprintf("RabbitMQ at %s, virtual host %s", t.Addr, t.VHost)
}

func found(format string, args ...any) error {
	return bellhop.Invalidf("setting", format, args...)
}

func clip(s string) string { return bellhop.Clip(s, 60) }
