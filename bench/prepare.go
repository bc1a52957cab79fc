package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// data are folders; each measurement begins with a copy of one.
type data struct {
	empty  string // shops, people and devices, no orders
	orders string // the same, with some thousand orders of the main shop recorded
	owed   string // the same, with pushes owed and none sent
}

// base is what measurements begin with a copy of: shops with devices, and owners of the
// main shop.
type base struct {
	dir      string
	database string // its name in Postgres; "" is in the folder
	shops    []shop
	owners   []string
	operator string // "" for none
}

// shop is one with so many devices.
type shop struct {
	domain  string
	devices int
}

func shopsWith(devices int, domains ...string) (all []shop) {
	for _, d := range domains {
		all = append(all, shop{d, devices})
	}
	return all
}

// The prepared data. FCM allows a device a burst of 160 pushes: no device gets as
// many, since beyond that orders gather into one push.
const (
	mainShop     = "bench.myshopify.com"
	ownerEmail   = "owner@bench.example"
	operator     = "operator@bench.example"
	perDevice    = 150 // pushes, at most
	notifyRate   = 500.0
	pushShops    = 8
	notifyWarmup = time.Second
	readRate     = 100.0
	readBusyRate = 2000.0
)

// notifyShops are enough shops to keep each device within its budget.
func (b *bench) notifyShops() []string {
	n := int(notifyRate*(notifyWarmup+b.Duration).Seconds())/perDevice + 1
	return shopNames("ring", n)
}

func (b *bench) pushShops() []string { return shopNames("push", pushShops) }

// owed returns how many devices each of those shops has, and how many orders owe
// the pushes of one measurement.
func (b *bench) owed() (devices, orders int) {
	const most = pushShops * perDevice
	devices = (b.Pushes + most - 1) / most
	return devices, b.Pushes / devices
}

func shopNames(kind string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s-%03d.myshopify.com", kind, i))
	}
	return names
}

// prepare makes the data, with bellhop's own commands and API.
func (b *bench) prepare(ctx context.Context) (err error) {
	b.data.empty = filepath.Join(b.dir, "empty")
	devices, orders := b.owed()
	begin := base{dir: b.data.empty, owners: append(watchers(), ownerEmail), shops: slices.Concat(
		shopsWith(1, mainShop), shopsWith(1, b.notifyShops()...), shopsWith(devices, b.pushShops()...))}
	if err := b.fill(ctx, begin, nil, "--no-worker"); err != nil {
		return err
	}
	if b.data.orders, err = b.preload(ctx, []string{mainShop}, b.Orders); err != nil {
		return err
	}
	b.data.owed, err = b.preload(ctx, b.pushShops(), orders)
	return err
}

// fill makes a base, and then runs fn on a server on it. fn may be nil.
func (b *bench) fill(ctx context.Context, begin base, fn func(*server) error, args ...string) error {
	env := append(b.databaseEnv(begin.database), "BELLHOP_DIR="+begin.dir)
	password := filepath.Join(b.dir, "password") // where a command can read it
	if err := os.WriteFile(password, []byte(b.password), 0o600); err != nil {
		return err
	}
	commands := [][]string{{"migrate"}}
	for _, shop := range begin.shops {
		commands = append(commands, []string{"shop", "add", shop.domain})
	}
	for _, email := range begin.owners {
		commands = append(commands,
			[]string{"owner", "add", "--shop", mainShop, "--email", email, "--password-file", password})
	}
	if begin.operator != "" {
		commands = append(commands, []string{"operator", "add", "--email", begin.operator, "--password-file", password})
	}
	for _, args := range commands {
		if err := b.run(ctx, env, args...); err != nil {
			return err
		}
	}
	return b.running(ctx, begin.dir, env, func(s *server) error {
		err := b.addDevices(ctx, s, env, begin.shops)
		if err == nil && fn != nil {
			err = fn(s)
		}
		return err
	}, args...)
}

// addDevices adds each shop's devices by a token: a person has at most 20, and one more
// would retire another.
func (b *bench) addDevices(ctx context.Context, s *server, env []string, shops []shop) error {
	for _, shop := range shops {
		token, err := b.output(ctx, env, "token", "create", "--shop", shop.domain, "--name", "bench")
		if err != nil {
			return err
		}
		for i := range shop.devices {
			path := fmt.Sprintf("/v1/devices/phone-%d?shop=%s", i, url.QueryEscape(shop.domain))
			_, err := s.call(ctx, http.MethodPut, s.addr, path, token, map[string]string{
				"kind": "token", "value": deviceToken(shop.domain, i), "platform": "android", "form": "data",
			}, nil)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// deviceToken has the form of FCM's registration tokens.
func deviceToken(shop string, i int) string {
	return fmt.Sprintf("bench%017d:APA91b%0134x", i, shop)
}

// preload records orders and sends no push.
func (b *bench) preload(ctx context.Context, shops []string, n int) (dir string, err error) {
	if dir, err = b.copyOf(b.data.empty); err != nil {
		return "", err
	}
	err = b.running(ctx, dir, nil, func(s *server) error { return b.accept(ctx, s, shops, n) }, "--no-worker")
	if err != nil {
		return "", err
	}
	recorded, _, err := b.recordQueued(ctx, dir, nil, "")
	if err == nil && recorded != int64(n) {
		err = fmt.Errorf("%d of %d orders were recorded", recorded, n)
	}
	return dir, err
}

// accept makes a server accept n webhooks.
func (b *bench) accept(ctx context.Context, s *server, shops []string, n int) error {
	tally, err := b.send(ctx, s, shops, n)
	if err == nil && tally.OK() != int64(n) {
		err = s.trouble(fmt.Errorf("only %d of %d webhooks were accepted", tally.OK(), n))
	}
	return err
}

// send sends n webhooks as fast as a server takes them.
func (b *bench) send(ctx context.Context, s *server, shops []string, n int) (*Tally, error) {
	w, err := b.webhooks(shops, 0)
	if err != nil {
		return nil, err
	}
	return Load{Target: s.addr, Requests: w.For, Connections: connections, Count: int64(n)}.Run(ctx)
}
