package wire_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/push"
	"bellhop/queue"
	"bellhop/simulate"
	"bellhop/wire"
)

func config() wire.Config {
	return wire.Config{Addr: "127.0.0.1:0", MaxDevices: 500, Working: wire.Working{
		Storage: wire.Storage{Dir: "unused", DB: "sqlite:", Queue: "sqlite:"}, Push: "log:", KeepBodies: 720 * time.Hour}}
}

func TestCheckEnviron(t *testing.T) {
	var commands struct {
		Log    string `env:"BELLHOP_LOG"`
		Switch struct {
			To string `env:"BELLHOP_QUEUE_TO"`
		}
	}
	if err := wire.CheckEnviron([]string{"PATH=/bin", "BELLHOP_ADDR=:80", "BELLHOP_DB=sqlite:", "BELLHOP_LOG=",
		"BELLHOP_QUEUE_TO=sqlite:",
		"BELLHOP_TEST_ALL=1", "BELLHOPPER=1"}, commands); err != nil {
		t.Error(err)
	}
	err := wire.CheckEnviron([]string{"BELLHOP_ADR=:80"}, commands)
	if err == nil || !strings.HasPrefix(err.Error(), "BELLHOP_ADR: ") || strings.Contains(err.Error(), ":80") {
		t.Errorf("the error is %v", err)
	}
}

// TestCheck checks that each error names the setting, the fault without secrets, and the
// accepted forms.
func TestOrigins(t *testing.T) {
	good := wire.Config{AllowedOrigins: "capacitor://localhost,ionic://localhost, http://localhost:3000 https://app.example.com"}
	want := []string{"capacitor://localhost", "ionic://localhost", "http://localhost:3000", "https://app.example.com"}
	if got, err := good.Origins(); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q %v", got, err)
	}
	for _, bad := range []string{"*", "https://*.example.com", "localhost", "null", "https://app.example.com/", "https://App.example.com",
		"https://jo@app.example.com", "https://app.example.com?x", "capacitor:localhost", "https://app.example.com:443"} {
		if got, err := (&wire.Config{AllowedOrigins: bad}).Origins(); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%s: %q %v", bad, got, err)
		}
	}
}

func TestCheck(t *testing.T) {
	good := config()
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*wire.Config){
		"BELLHOP_ADDR":            func(c *wire.Config) { c.Addr = "localhost" },
		"BELLHOP_METRICS_ADDR":    func(c *wire.Config) { c.MetricsAddr = "9090" },
		"BELLHOP_KEEP_BODIES":     func(c *wire.Config) { c.KeepBodies = time.Minute },
		"BELLHOP_TRUSTED_PROXIES": func(c *wire.Config) { c.TrustedProxies = "10.0.0.0/8, ten" },
		"BELLHOP_ALLOWED_ORIGINS": func(c *wire.Config) { c.AllowedOrigins = "capacitor://localhost, *" },
		"BELLHOP_SHOPIFY_SECRET":  func(c *wire.Config) { c.ShopifySecret = "hush," },
		"BELLHOP_EVENTS":          func(c *wire.Config) { c.Events = "amqp://jo:hush@mq/?customer=perhaps" },
	} {
		c := config()
		spoil(&c)
		err := c.Check()
		if bellhop.KindOf(err) != bellhop.Invalid || !strings.HasPrefix(err.Error(), name+": ") ||
			!strings.Contains(err.Error(), "; give ") {
			t.Errorf("%s: the error is %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func TestEventsSetting(t *testing.T) {
	for value, want := range map[string]string{
		"kafka://jo:hush@mq/":                      `there is no events driver "kafka"`,
		"mq.example":                               "not the address of a driver",
		"amqp://jo:hush@mq/?queue=orders":          `no parameter "queue"`,
		"amqp://jo:hush@mq/?exchange=amq.topic":    "give another name",
		"amqp://jo:hush@mq/?customer=perhaps":      `customer is "perhaps"`,
		"amqp://jo:hush@mq/%2F?verify=verify_none": "write amqps:",
	} {
		c := config()
		c.Events = value
		err := c.Check()
		if bellhop.KindOf(err) != bellhop.Invalid || !strings.HasPrefix(err.Error(), "BELLHOP_EVENTS: ") ||
			!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error is %v", value, err)
		}
	}
}

func TestAppSecrets(t *testing.T) {
	for value, want := range map[string][2]string{"": {}, "a": {"a"}, "a,b": {"a", "b"}, " a , b ": {"a", "b"}} {
		c := config()
		c.ShopifySecret = value
		current, previous, err := c.AppSecrets()
		if err != nil || [2]string{current, previous} != want {
			t.Errorf("%q: %q, %q, %v", value, current, previous, err)
		}
	}
}

func TestWrongDrivers(t *testing.T) {
	for _, c := range []struct {
		name, db, queue string
	}{
		{"BELLHOP_DB", "mysql://secret@host", "sqlite:"},
		{"BELLHOP_DB", "/var/lib/bellhop.db", "sqlite:"},
		{"BELLHOP_DB", "sqlite://host/file.db", "sqlite:"},
		{"BELLHOP_DB", "sqlite:/file.db?mode=ro", "sqlite:"},
		{"BELLHOP_DB", "", "sqlite:"},
		{"BELLHOP_QUEUE", "sqlite:", "kafka://secret@host"},
		{"BELLHOP_QUEUE", "sqlite:", "orders"},
		{"BELLHOP_QUEUE", "sqlite:", "sqlite:?name=orders"},
		{"BELLHOP_QUEUE", "sqlite:", "postgres:"},
		{"BELLHOP_QUEUE", "sqlite:", "postgres:?queue=backfill"},
		{"BELLHOP_QUEUE", "postgres://u:secret@127.0.0.1:1/db", "postgres:?name=orders"},
		{"BELLHOP_QUEUE", "postgres://u:secret@127.0.0.1:1/db", "postgres:orders"},
		{"BELLHOP_QUEUE", "sqlite:", "postgres://u:secret@127.0.0.1:port/db?queue=orders"},
	} {
		s := wire.Storage{Dir: t.TempDir(), DB: c.db, Queue: c.queue}
		_, err := s.Open(t.Context(), wire.Options{})
		if bellhop.KindOf(err) != bellhop.Invalid || !strings.HasPrefix(err.Error(), c.name+": ") ||
			strings.Contains(err.Error(), "secret@") {
			t.Errorf("%q, %q: the error is %v", c.db, c.queue, err)
		}
		if left, _ := os.ReadDir(s.Dir); len(left) > 0 {
			t.Errorf("%q, %q: something was made: %v", c.db, c.queue, left)
		}
	}
	for _, push := range []string{"", "pigeon:", "fcm:", "fcm:/nowhere.json", "fcm:/nowhere.json?colour=red",
		"fcm:/nowhere.json?validate_only=no", "log:,"} {
		c := config()
		c.Push = push
		if _, err := c.OpenPush(t.Context(), wire.Options{}); bellhop.KindOf(err) != bellhop.Invalid ||
			!strings.HasPrefix(err.Error(), "BELLHOP_PUSH: ") {
			t.Errorf("%q: the error is %v", push, err)
		}
	}
}

func TestFCMThatOnlyValidates(t *testing.T) {
	f := simulate.NewFCM(simulate.FCMOptions{})
	server := httptest.NewServer(f)
	defer server.Close()
	defer f.Close()
	account, err := f.ServiceAccount(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	device := bellhop.Device{Kind: bellhop.AddressToken, Platform: bellhop.PlatformAndroid, Form: bellhop.FormData,
		Value: simulate.NewToken(rand.New(rand.NewPCG(1, 1)))}
	for rung, option := range []string{"&validate_only=yes", ""} {
		c := config()
		c.Push = "fcm:?endpoint=" + server.URL + option
		s, err := c.OpenPush(t.Context(), wire.Options{
			FCMCredentials: func(context.Context) ([]byte, error) { return account, nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Send(t.Context(), push.Message{Device: device, Title: "x"}); err != nil || len(f.Sent()) != rung {
			t.Errorf("%q: %v; the phone rang %d times", option, err, len(f.Sent()))
		}
	}
}

func TestWebPush(t *testing.T) {
	c := config()
	c.Dir = filepath.Join(t.TempDir(), "made")
	c.Push = "log:,webpush:?subject=mailto:ops@example.com"
	if _, err := c.WebPushKey(); bellhop.KindOf(err) != bellhop.Invalid ||
		!strings.Contains(err.Error(), "key file of the one that pushes") {
		t.Errorf("before the keys are there: %v", err)
	}
	s, err := c.OpenPush(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if key, err := c.WebPushKey(); err != nil || len(key) != 87 {
		t.Errorf("%q %v", key, err)
	}
	// log: alone would claim to have sent it.
	_, err = s.Send(t.Context(), push.Message{Device: bellhop.Device{Kind: bellhop.AddressToken, Value: "x"}})
	if e := push.AsError(err); e.Reason != push.ReasonRefused || !strings.Contains(e.Error(), `"token"`) {
		t.Errorf("an address that no driver takes: %v", err)
	}
	_, err = s.Send(t.Context(), push.Message{Device: bellhop.Device{Kind: bellhop.AddressWebPush, Value: "x"}})
	if e := push.AsError(err); e.Reason != push.ReasonBadAddress {
		t.Errorf("one that webpush: takes: %v", err)
	}
	for _, bad := range []string{"webpush:", "webpush:?subject=me", "webpush:?subject=mailto:a@b&x=1",
		"webpush:?subject=mailto:a@b&private=no"} {
		c.Push = bad
		if _, err := c.OpenPush(t.Context(), wire.Options{}); bellhop.KindOf(err) != bellhop.Invalid ||
			!strings.HasPrefix(err.Error(), "BELLHOP_PUSH: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestSeveralSenders(t *testing.T) {
	c := config()
	c.Push = "log:, log:"
	s, err := c.OpenPush(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Check(t.Context()), s.Close()); err != nil {
		t.Error(err)
	}
}

func aBackup() bellhop.BackupNote { return bellhop.BackupNote{Name: "backup.db", MadeAt: time.Now()} }

// TestOneFile opens the default: both ports over one file, made on the spot.
func TestOneFile(t *testing.T) {
	s := wire.Storage{Dir: filepath.Join(t.TempDir(), "made"), DB: "sqlite:", Queue: "sqlite:"}
	found, there := s.Examine(t.Context(), wire.Options{})
	if there || len(found) == 0 {
		t.Errorf("before there is anything: %v, %v", found, there)
	}
	p, err := s.Open(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Healthy(), p.QuickCheck(t.Context())); err != nil {
		t.Error(err)
	}
	if found, there = s.Examine(t.Context(), wire.Options{}); !there {
		t.Errorf("once it is there: %v", found)
	}
	for _, f := range found {
		if f.Level == wire.LevelFail {
			t.Errorf("a new database fails: %v", f)
		}
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if err := p.Backup(t.Context(), backup, aBackup()); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Restore(t.Context(), backup, wire.Options{}); err != nil {
		t.Error(err)
	}
	files, err := filepath.Glob(filepath.Join(s.Dir, "*.db"))
	if err != nil || len(files) != 1 {
		t.Errorf("the files are %v, %v", files, err)
	}
	if n, err := s.Migrate(t.Context(), wire.Options{}); n != 0 || err != nil {
		t.Errorf("migrating a new database applied %d, %v", n, err)
	}
}

// TestNotifyQueueIsMade opens the notify queue: the first use makes it, and removing the
// main queue removes it.
func TestNotifyQueueIsMade(t *testing.T) {
	s := wire.Storage{Dir: t.TempDir(), DB: "sqlite:", Queue: "sqlite:"}
	p, err := s.Open(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, want := range [][]string{{"orders"}, {"orders", "orders-notify"}, {"orders", "orders-notify"}} {
		if names, err := p.Broker.Names(t.Context()); err != nil || !slices.Equal(names, want) {
			t.Errorf("the queues are %v, %v; want %v", names, err, want)
		}
		q, err := p.OpenNotify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d, err := q.Depth(t.Context()); err != nil || d != (queue.Depth{}) {
			t.Errorf("it holds %+v, %v", d, err)
		}
	}
	if err := p.RemoveQueue(t.Context(), "orders"); err != nil {
		t.Error(err)
	}
	if names, err := p.Broker.Names(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("the queues are %v, %v; want none", names, err)
	}
}

// TestRestoreGoesOnAbove restores a backup without numbers, over a newer state and
// without it: neither a change's number nor a push's id comes again.
func TestRestoreGoesOnAbove(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	live, lost := wire.Storage{Dir: filepath.Join(dir, "live"), DB: "sqlite:", Queue: "sqlite:"},
		wire.Storage{Dir: filepath.Join(dir, "lost"), DB: "sqlite:", Queue: "sqlite:"}
	use := func(s wire.Storage, fn func(*wire.Parts) error) {
		t.Helper()
		p, err := s.Open(ctx, wire.Options{})
		if err == nil {
			err = errors.Join(fn(p), p.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	place := func(s wire.Storage, n int64) (change, push int64) {
		t.Helper()
		use(s, func(p *wire.Parts) error {
			now := time.Now()
			e := &bellhop.Event{ID: bellhop.EventID{15: byte(n)}, Shop: "a.myshopify.com", Topic: "orders/create",
				AcceptedAt: now, Body: []byte("{}")}
			total, err := bellhop.ParseMoney("1.00", "USD")
			if err != nil {
				return err
			}
			o := &bellhop.Order{ID: n, Total: total, PlacedAt: now, UpdatedAt: now,
				Version: bellhop.Version{UpdatedAt: now, Hash: uint64(n)}}
			if _, err = p.Store.Record(ctx, []bellhop.Fact{{Event: e, At: now, OrderID: n, Order: o}}); err != nil {
				return err
			}
			got, err := p.Store.Order(ctx, e.Shop, n)
			if err != nil {
				return err
			}
			push = got.Pushes[0].ID
			change, err = p.Store.LastChange(ctx)
			return err
		})
		return change, push
	}
	backup := filepath.Join(dir, "backup.db")
	use(live, func(p *wire.Parts) error {
		return errors.Join(p.Store.AddShop(ctx, bellhop.Shop{Domain: "a.myshopify.com", AddedAt: time.Now()}),
			p.Backup(ctx, backup, aBackup()))
	})
	place(live, 1)
	change, push := place(live, 2)
	key, err := os.ReadFile(filepath.Join(live.Dir, "bellhop.key")) // which is in no backup
	if err == nil {
		err = errors.Join(os.MkdirAll(lost.Dir, 0o700), os.WriteFile(filepath.Join(lost.Dir, "bellhop.key"), key, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []wire.Storage{live, live, lost} {
		if _, err := s.Restore(ctx, backup, wire.Options{}); err != nil {
			t.Fatal(err)
		}
		c, p := place(s, int64(3+i))
		if c <= change || p <= push || c >= 1<<53 || p >= 1<<53 {
			t.Errorf("restore %d: change %d after %d, push %d after %d", i, c, change, p, push)
		}
		change, push = c, p
	}
}

func TestTwoFiles(t *testing.T) {
	dir := t.TempDir()
	s := wire.Storage{Dir: dir, DB: "sqlite:" + dir + "/orders%20here.db", Queue: "sqlite:" + dir + "/queue.db"}
	p, err := s.Open(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := os.Stat(filepath.Join(dir, "orders here.db")); err != nil {
		t.Error(err)
	}
	if err := p.Backup(t.Context(), filepath.Join(dir, "backup.db"), aBackup()); bellhop.KindOf(err) != bellhop.Conflict {
		t.Errorf("half a backup: %v", err)
	}
	if _, err := s.Restore(t.Context(), filepath.Join(dir, "backup.db"), wire.Options{}); bellhop.KindOf(
		err) != bellhop.Conflict {
		t.Errorf("half a restore: %v", err)
	}
}

func TestNamedQueue(t *testing.T) {
	s := wire.Storage{Dir: t.TempDir(), DB: "sqlite:", Queue: "sqlite:?queue=backfill"}
	if _, err := s.Open(t.Context(), wire.Options{}); bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("a queue that isn't there: %v", err)
	}
	p, err := s.OpenBroker(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Broker.Create(context.Background(), p.QueueName, queue.DefaultAttributes()),
		p.Close()); err != nil {
		t.Fatal(err)
	}
	if p, err = s.Open(t.Context(), wire.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
