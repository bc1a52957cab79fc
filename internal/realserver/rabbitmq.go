package realserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// RabbitMQ is a node of RabbitMQ with nothing in it but a user who may do
// everything.
type RabbitMQ struct {
	*process
	Addr    string // HOST:PORT
	TLSAddr string // the same for AMQP over TLS; "" without settings named ssl_options

	node, dir string
	bin       string // the folder of its scripts
	settings  []string
	epmd      *process
	epmdPort  int

	mu     sync.Mutex
	vhosts []string // made ahead
	made   int
}

const rabbitPassword = "only-for-tests"

// StartRabbitMQ starts a node. Its settings are those of a fresh installation
// unless they are given as NAME=VALUE, as rabbitmq.conf has them.
func StartRabbitMQ(ctx context.Context, settings ...string) (*RabbitMQ, error) {
	r, err := newRabbitMQ("bellhop", settings)
	if err != nil {
		return nil, err
	}
	if err := r.run(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// newRabbitMQ makes the files of a node.
func newRabbitMQ(name string, settings []string) (*RabbitMQ, error) {
	// The command in PATH changes the user first.
	server, err := findRabbitMQ()
	if err != nil {
		return nil, err
	}
	const own = "/usr/lib/rabbitmq/bin/rabbitmq-server"
	if _, err := os.Stat(own); err == nil {
		server = own
	}
	dir, err := os.MkdirTemp("", "bellhop-mq-")
	if err != nil {
		return nil, err
	}
	r := &RabbitMQ{node: name + "@localhost", dir: dir, bin: filepath.Dir(server), settings: settings}
	if err := r.configure(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return r, nil
}

// configure chooses ports and writes the settings.
func (r *RabbitMQ) configure() (err error) {
	ports := make([]int, 3)
	for i := range ports {
		if ports[i], err = FreePort(); err != nil {
			return err
		}
	}
	r.Addr, r.epmdPort = fmt.Sprint("127.0.0.1:", ports[0]), ports[1]
	lines := []string{"listeners.tcp.1 = " + r.Addr, "default_user = bellhop", "default_pass = " + rabbitPassword,
		"log.file.level = warning"}
	if strings.Contains(strings.Join(r.settings, "\n"), "ssl_options.") {
		r.TLSAddr = fmt.Sprint("127.0.0.1:", ports[2])
		lines = append(lines, "listeners.ssl.1 = "+r.TLSAddr)
	}
	config := strings.Join(append(lines, r.settings...), "\n") + "\n"
	return errors.Join(os.WriteFile(r.file("rabbitmq.conf"), []byte(config), 0o600),
		os.WriteFile(r.file("plugins"), []byte("[]."), 0o600))
}

func (r *RabbitMQ) file(name string) string { return filepath.Join(r.dir, name) }

// env is the environment of the node and its tools. Without the address Erlang's port mapper, and
// the port between nodes, would be open to everybody.
func (r *RabbitMQ) env() []string {
	return []string{
		"HOME=" + r.dir,
		"ERL_EPMD_ADDRESS=127.0.0.1", fmt.Sprint("ERL_EPMD_PORT=", r.epmdPort),
		"ERL_FLAGS=-kernel inet_dist_use_interface {127,0,0,1}",
		"RABBITMQ_NODENAME=" + r.node,
		"RABBITMQ_CONFIG_FILE=" + r.file("rabbitmq.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE=" + r.file("plugins"),
		"RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_MNESIA_BASE=" + r.file("data"), "RABBITMQ_LOG_BASE=" + r.file("log"),
		"RABBITMQ_PID_FILE=" + r.file("pid"),
		"RABBITMQ_FEATURE_FLAGS_FILE=" + r.file("flags"),
		"ERL_CRASH_DUMP=" + r.file("crash"), // and not in the folder of the test
	}
}

// run starts the port mapper and the node. It starts the mapper itself, since a node's children
// outlive it.
func (r *RabbitMQ) run(ctx context.Context) (err error) {
	if r.epmd == nil {
		epmd, err := find("epmd", "/usr/lib/erlang/erts-*/bin", "/opt/homebrew/opt/erlang/lib/erlang/erts-*/bin")
		if err != nil {
			return err
		}
		if r.epmd, err = start(os.DevNull, "TERM", r.env(), epmd); err != nil {
			return err
		}
		if err := r.epmd.ready(ctx, "epmd", hears(fmt.Sprint("127.0.0.1:", r.epmdPort), "")); err != nil {
			return err
		}
	}
	dist, err := FreePort()
	if err != nil {
		return err
	}
	env := append(r.env(), fmt.Sprint("RABBITMQ_DIST_PORT=", dist))
	if r.process, err = start(r.dir, "TERM", env, filepath.Join(r.bin, "rabbitmq-server")); err != nil {
		return err
	}
	return r.ready(ctx, "rabbitmq", hears(r.Addr, "AMQP\x00\x00\x09\x01"))
}

// hears reports whether a server answers the first bytes of its protocol; without any,
// whether it listens.
func hears(addr, hello string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		defer c.Close()
		defer context.AfterFunc(ctx, func() { c.Close() })()
		if _, err := io.WriteString(c, hello); err != nil || hello == "" {
			return err
		}
		_, err = io.ReadFull(c, make([]byte, 1))
		return err
	}
}

// Ctl runs rabbitmqctl and returns its output. It takes a second or two.
func (r *RabbitMQ) Ctl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(r.bin, "rabbitmqctl"), append([]string{"--quiet"}, args...)...)
	cmd.Env = append(os.Environ(), r.env()...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rabbitmqctl %s: %w: %s", args[0], err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// vhostBatch is how many virtual hosts it makes at once: starting rabbitmqctl takes
// long.
const vhostBatch = 16

// NewVHost makes an empty virtual host and returns its name.
func (r *RabbitMQ) NewVHost(ctx context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.vhosts) == 0 {
		_, err := r.Ctl(ctx, "eval", fmt.Sprintf(`[begin
			V = list_to_binary("vhost" ++ integer_to_list(N)),
			rabbit_vhost:add(V, <<"tests">>),
			ok = rabbit_auth_backend_internal:set_permissions(<<"bellhop">>, V, <<".*">>, <<".*">>, <<".*">>, <<"tests">>)
			end || N <- lists:seq(%d, %d)], ok.`, r.made+1, r.made+vhostBatch))
		if err != nil {
			return "", err
		}
		for range vhostBatch {
			r.made++
			r.vhosts = append(r.vhosts, fmt.Sprint("vhost", r.made))
		}
	}
	name := r.vhosts[0]
	r.vhosts = r.vhosts[1:]
	return name, nil
}

// URL returns the address of one of its virtual hosts, with the password.
func (r *RabbitMQ) URL(vhost string) string { return RabbitURL(r.Addr, vhost) }

// RabbitURL returns the address of a virtual host of a [RabbitMQ] that is
// reached at another address, as through a proxy.
func RabbitURL(addr, vhost string) string {
	return fmt.Sprintf("amqp://bellhop:%s@%s/%s", rabbitPassword, addr, vhost)
}

// TLSSettings are those with which a node also listens with TLS.
func (c Certificate) TLSSettings() []string {
	return []string{"ssl_options.cacertfile = " + c.Authority, "ssl_options.certfile = " + c.Cert,
		"ssl_options.keyfile = " + c.Key}
}

// SetMemoryAlarm makes the node block publishers, or lets them go on.
func (r *RabbitMQ) SetMemoryAlarm(ctx context.Context, on bool) error {
	watermark := "0.4"
	if on {
		watermark = "0.0000001"
	}
	_, err := r.Ctl(ctx, "set_vm_memory_high_watermark", watermark)
	return err
}

// Restart starts the node again after Stop, with all that it had confirmed.
func (r *RabbitMQ) Restart(ctx context.Context) error { return r.run(ctx) }

// Close ends the node and deletes its files.
func (r *RabbitMQ) Close() error {
	for _, p := range []*process{r.process, r.epmd} {
		if p != nil {
			p.Stop()
		}
	}
	return os.RemoveAll(r.dir)
}

func findRabbitMQ() (string, error) {
	return find("rabbitmq-server", "/usr/lib/rabbitmq/bin", "/usr/local/opt/rabbitmq/sbin",
		"/opt/homebrew/opt/rabbitmq/sbin")
}

// RabbitMQInstalled is why RabbitMQ can't be started, if that is known.
func RabbitMQInstalled() error {
	_, err := findRabbitMQ()
	return err
}
