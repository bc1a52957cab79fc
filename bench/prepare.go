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

// The prepared data. FCM allows a device a burst of 160 pushes: no device gets as
// many, since beyond that orders gather into one push.
const (
	mainShop     = "bench.myshopify.com"
	ownerEmail   = "owner@bench.example"
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
	err = b.setUp(ctx, []string{"BELLHOP_DIR=" + b.data.empty}, slices.Concat([]string{mainShop}, b.notifyShops(),
		b.pushShops()), append(watchers(), ownerEmail))
	if err != nil {
		return err
	}
	if err := b.addDevices(ctx); err != nil {
		return err
	}
	if b.data.orders, err = b.preload(ctx, []string{mainShop}, b.Orders); err != nil {
		return err
	}
	_, orders := b.owed()
	b.data.owed, err = b.preload(ctx, b.pushShops(), orders)
	return err
}

// setUp makes a database with shops and owners of the main shop.
func (b *bench) setUp(ctx context.Context, env, shops, owners []string) error {
	password, err := b.passwordFile()
	if err != nil {
		return err
	}
	commands := [][]string{{"migrate"}}
	for _, shop := range shops {
		commands = append(commands, []string{"shop", "add", shop})
	}
	for _, email := range owners {
		commands = append(commands,
			[]string{"owner", "add", "--shop", mainShop, "--email", email, "--password-file", password})
	}
	for _, args := range commands {
		if err := b.run(ctx, env, args...); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) addDevices(ctx context.Context) error {
	s, err := b.serve(ctx, b.data.empty, nil, "--no-worker")
	if err != nil {
		return err
	}
	defer s.kill()
	env := []string{"BELLHOP_DIR=" + b.data.empty}
	if err := b.addDevicesTo(ctx, s, env, append(b.notifyShops(), mainShop), 1); err != nil {
		return err
	}
	devices, _ := b.owed()
	if err := b.addDevicesTo(ctx, s, env, b.pushShops(), devices); err != nil {
		return err
	}
	return s.stop()
}

// addDevicesTo adds n devices to each shop by a token, since a person has at most 20.
func (b *bench) addDevicesTo(ctx context.Context, s *server, env, shops []string, n int) error {
	for _, shop := range shops {
		token, err := b.output(ctx, env, "token", "create", "--shop", shop, "--name", "bench")
		if err != nil {
			return err
		}
		for i := range n {
			path := fmt.Sprintf("/v1/devices/phone-%d?shop=%s", i, url.QueryEscape(shop))
			_, err := s.call(ctx, http.MethodPut, s.addr, path, token, map[string]string{
				"kind": "token", "value": deviceToken(shop, i), "platform": "android", "form": "data",
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
	s, err := b.serve(ctx, dir, nil, "--no-worker")
	if err != nil {
		return "", err
	}
	defer s.kill()
	if err := b.accept(ctx, s, shops, n); err != nil {
		return "", err
	}
	if err := s.stop(); err != nil {
		return "", err
	}
	return dir, b.recordOnly(ctx, dir, n)
}

// accept makes a server accept n webhooks.
func (b *bench) accept(ctx context.Context, s *server, shops []string, n int) error {
	w, err := b.webhooks(shops, 0)
	if err != nil {
		return err
	}
	tally, err := Load{Target: s.addr, Requests: w.For, Connections: b.Connections, Count: int64(n)}.Run(ctx)
	if err != nil {
		return err
	}
	if tally.OK() != int64(n) {
		return s.trouble(fmt.Errorf("only %d of %d webhooks were accepted", tally.OK(), n))
	}
	return nil
}

// recordOnly makes a worker record the whole queue.
func (b *bench) recordOnly(ctx context.Context, dir string, n int) error {
	s, err := b.work(ctx, dir, nil, "--steps", "record")
	if err != nil {
		return err
	}
	defer s.kill()
	recorded, err := s.drained(ctx)
	if err != nil {
		return err
	}
	if recorded != int64(n) {
		return s.trouble(fmt.Errorf("%d of %d orders were recorded", recorded, n))
	}
	return s.stop()
}

// discard removes a folder of data.
func (b *bench) discard(dir string) { os.RemoveAll(dir) }
