// Package wire reads the configuration and opens the drivers that it names. No other
// package knows the drivers; each has a file of its own here, so that a build can
// leave some out.
package wire

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"bellhop"
	"bellhop/pipeline"
)

// Config is the configuration of a process that takes webhooks. Each setting is an
// environment variable and a flag of the same name. The tags are kong's.
type Config struct {
	Working
	Addr           string `name:"addr" env:"BELLHOP_ADDR" default:"127.0.0.1:8080" help:"The address to listen at."`
	TrustedProxies string `name:"trusted-proxies" env:"BELLHOP_TRUSTED_PROXIES" help:"Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto bellhop trusts, as CIDRs separated by commas."`
	AllowedOrigins string `name:"allowed-origins" env:"BELLHOP_ALLOWED_ORIGINS" help:"Origins of WebView apps that use the API, such as capacitor://localhost, separated by commas."`
	MaxBody        string `name:"max-body" env:"BELLHOP_MAX_BODY" default:"8MiB" help:"The largest body of a webhook, up to 32MiB. The queue may take less: bellhop doctor says so."`
	JWT            string `name:"jwt" env:"BELLHOP_JWT" placeholder:"URL" help:"Issuers whose tokens (JWTs) sign people in, such as https://issuer.example.com?audience=NAME, separated by commas. docs/sign-in.md explains."`
	Mail           string `name:"mail" env:"BELLHOP_MAIL" placeholder:"URL" help:"The mail server for sign-in links: smtp://USER:PASSWORD@HOST:587?from=ADDRESS, or smtps:. Empty: none are mailed. bellhop serve --help explains."`
	MaxDevices     int    `name:"max-devices" env:"BELLHOP_MAX_DEVICES" default:"500" help:"The most devices of a shop. One more retires the device that was idle the longest. A person has 20 at most."`
	Capacity       string `name:"capacity" env:"BELLHOP_CAPACITY" placeholder:"FILE" help:"The results.json of bellhop-bench compare on this machine: a metric and bellhop doctor show how near to its limit it is."`
}

// Working is the part of the configuration that recording and pushing need.
type Working struct {
	Storage
	Shopify
	Push        string        `name:"push" env:"BELLHOP_PUSH" default:"log:" help:"The push services, separated by commas: log:, fcm: or webpush: with a path. bellhop serve --help explains."`
	Events      string        `name:"events" env:"BELLHOP_EVENTS" help:"Where bellhop publishes events for other services: an amqp: URL. Empty: nowhere. bellhop serve --help explains."`
	MetricsAddr string        `name:"metrics-addr" env:"BELLHOP_METRICS_ADDR" help:"A separate address for /metrics, /healthz and /readyz. Without it bellhop serve answers them at --addr, and a worker not at all."`
	KeepBodies  time.Duration `name:"keep-bodies" env:"BELLHOP_KEEP_BODIES" default:"30d" help:"How long bellhop keeps the raw bodies of settled webhooks, such as 30d, 12h or 1h30m."`

	KeepPersonal time.Duration `name:"keep-personal" env:"BELLHOP_KEEP_PERSONAL" placeholder:"TIME" help:"How long bellhop keeps the customer's data of an order after its last change, such as 365d. Unset: for ever."`
	KeepLedger   time.Duration `name:"keep-ledger" env:"BELLHOP_KEEP_LEDGER" placeholder:"TIME" help:"How long bellhop keeps the lines of settled webhooks, such as 730d. Unset: for ever."`
	KeepAccess   time.Duration `name:"keep-access-log" env:"BELLHOP_KEEP_ACCESS_LOG" default:"365d" help:"How long bellhop keeps the lines of the access log, which say who saw personal data: at least 1d."`
}

// Retention returns how long things are kept, beside bodies.
func (w *Working) Retention() pipeline.Keep {
	return pipeline.Keep{Personal: w.KeepPersonal, Ledger: w.KeepLedger, Accesses: w.KeepAccess}
}

// Storage is where orders and the queue live.
type Storage struct {
	Dir   string `name:"dir" env:"BELLHOP_DIR" default:"./bellhop-data" help:"The folder of sqlite: files without a path."`
	DB    string `name:"db" env:"BELLHOP_DB" default:"sqlite:" help:"The database: sqlite: or sqlite:/path/file.db or postgres://USER:PASSWORD@HOST/DATABASE."`
	Key   string `name:"key" env:"BELLHOP_KEY" placeholder:"KEY" help:"The key that seals tokens and shops' secrets, or file:/path; two, the new one first, while rotating. With sqlite: bellhop makes one. See docs/key.md."`
	Queue string `name:"queue" env:"BELLHOP_QUEUE" default:"sqlite:" help:"The queue, as a URL: sqlite:, postgres:, amqp:, amqps: or sqs:. bellhop serve --help explains."`
}

// testVariables is the prefix of variables that only tests read.
const testVariables = "BELLHOP_TEST_"

// CheckEnviron refuses BELLHOP_ variables that nothing reads, so that nobody misses a
// misspelt one. environ is in the form of os.Environ; the tags of commands name the
// variables that the program reads beside the [Config].
func CheckEnviron(environ []string, commands any) error {
	known := map[string]bool{}
	addVariables(known, reflect.TypeFor[Config]())
	addVariables(known, reflect.TypeOf(commands))
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "BELLHOP_") && !strings.HasPrefix(name, testVariables) && !known[name] {
			return WrongSetting(name, "there is no such setting", "bellhop serve --help lists them")
		}
	}
	return nil
}

// addVariables adds the variables in the tags of a struct and of the structs in it.
func addVariables(known map[string]bool, t reflect.Type) {
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		known[t.Field(i).Tag.Get("env")] = true
		addVariables(known, t.Field(i).Type)
	}
}

// WrongSetting is the error of a wrong setting, in one line.
func WrongSetting(name, found, accepted string) error {
	return &bellhop.Error{Kind: bellhop.Invalid, Code: "setting", Setting: name, Message: found + "; " + accepted}
}

// withSetting adds the setting's name to a driver's error.
func withSetting(name string, err error) error {
	if e, ok := errors.AsType[*bellhop.Error](err); ok {
		named := *e
		named.Setting = name
		return &named
	}
	return err
}

// Check refuses settings that can't work, before anything opens.
func (c *Config) Check() error {
	_, proxies := c.Proxies()
	_, origins := c.Origins()
	if err := cmp.Or(checkAddress("BELLHOP_ADDR", c.Addr), c.Working.Check(), proxies, origins); err != nil {
		return err
	}
	if c.MaxDevices < 1 {
		return WrongSetting("BELLHOP_MAX_DEVICES", fmt.Sprintf("%d devices notify nobody", c.MaxDevices),
			"give at least 1, such as 500")
	}
	_, body := c.BodyLimit()
	_, issuers := c.Identity(Options{})
	_, mail := c.OpenMail(Options{})
	return cmp.Or(body, issuers, mail)
}

// BodyLimit returns how many bytes the body of a webhook may have.
func (c *Config) BodyLimit() (int, error) {
	if c.MaxBody == "" {
		return bellhop.DefaultMaxBody, nil
	}
	n, err := parseSize(c.MaxBody)
	if err != nil || n < 1<<16 || n > bellhop.MaxBody {
		return 0, WrongSetting("BELLHOP_MAX_BODY", fmt.Sprintf("%q is not a size that a webhook may have",
			bellhop.Clip(c.MaxBody, 40)), "give 64KiB to 32MiB, such as 8MiB")
	}
	return n, nil
}

// parseSize reads a number of bytes: 8388608, 8192KiB, 8MiB. MB and KB are decimal.
func parseSize(s string) (int, error) {
	digits := strings.TrimRight(s, "kKMiB ")
	unit, ok := map[string]int{"": 1, "B": 1, "kB": 1000, "KB": 1000, "MB": 1_000_000, "KiB": 1 << 10,
		"MiB": 1 << 20}[strings.TrimSpace(s[len(digits):])]
	n, err := strconv.ParseUint(digits, 10, 31)
	if err == nil && (!ok || int(n) > math.MaxInt32/unit) {
		err = strconv.ErrRange
	}
	return int(n) * unit, err
}

// Check refuses settings that can't work, before anything opens.
func (w *Working) Check() error {
	if w.KeepBodies < time.Hour {
		return WrongSetting("BELLHOP_KEEP_BODIES", fmt.Sprintf("%v is too short", w.KeepBodies),
			"give at least 1h, such as 30d")
	}
	if err := cmp.Or(w.atLeastBodies("BELLHOP_KEEP_PERSONAL", w.KeepPersonal),
		w.atLeastBodies("BELLHOP_KEEP_LEDGER", w.KeepLedger)); err != nil {
		return err
	}
	if w.KeepAccess != 0 && w.KeepAccess < 24*time.Hour {
		return WrongSetting("BELLHOP_KEEP_ACCESS_LOG", fmt.Sprintf("%v is too short", w.KeepAccess),
			"give at least 1d, such as 365d")
	}
	if w.Key != "" {
		if _, err := parseKeys(w.Key); err != nil {
			return withSetting("BELLHOP_KEY", err)
		}
	}
	if _, err := w.events(); err != nil {
		return err
	}
	if err := w.Shopify.Check(); err != nil {
		return err
	}
	if w.MetricsAddr == "" {
		return nil
	}
	return checkAddress("BELLHOP_METRICS_ADDR", w.MetricsAddr)
}

// atLeastBodies refuses to drop what raw webhooks would still hold.
func (w *Working) atLeastBodies(name string, keep time.Duration) error {
	if keep == 0 || keep >= w.KeepBodies {
		return nil
	}
	return WrongSetting(name, fmt.Sprintf("%v is less than BELLHOP_KEEP_BODIES, %v, and bodies hold the same data", keep,
		w.KeepBodies), "give at least as much, such as 365d, or keep bodies for less")
}

func checkAddress(name, value string) error {
	if _, _, err := net.SplitHostPort(value); err != nil {
		return WrongSetting(name, fmt.Sprintf("%q is not an address", value), "give HOST:PORT, such as 127.0.0.1:8080")
	}
	return nil
}

// Proxies returns the networks whose forwarding headers bellhop trusts.
func (c *Config) Proxies() (nets []netip.Prefix, err error) {
	for _, s := range strings.FieldsFunc(c.TrustedProxies, func(r rune) bool { return r == ',' || r == ' ' }) {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, WrongSetting("BELLHOP_TRUSTED_PROXIES", fmt.Sprintf("%q is not a network", s),
				"give CIDRs, such as 10.0.0.0/8")
		}
		nets = append(nets, p)
	}
	return nets, nil
}

// Origins returns the origins of other pages that may use the API, as browsers write
// them.
func (c *Config) Origins() (origins []string, err error) {
	for _, s := range strings.FieldsFunc(c.AllowedOrigins, func(r rune) bool { return r == ',' || r == ' ' }) {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || s != strings.ToLower(u.Scheme+"://"+u.Host) || strings.Contains(s, "*") ||
			u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
			return nil, WrongSetting("BELLHOP_ALLOWED_ORIGINS", fmt.Sprintf("%q is not an origin", s),
				"give each in full and without a path, such as capacitor://localhost or https://app.example.com")
		}
		origins = append(origins, s)
	}
	return origins, nil
}

// maxDays is more than bellhop keeps anything, and less than a duration holds.
const maxDays = 36500

// ParseDuration reads a duration: 30d, 12h, 1h30m, 80ms. A day has 24 hours.
func ParseDuration(s string) (d time.Duration, err error) {
	days, rest, hasDays := strings.Cut(s, "d")
	if !hasDays {
		days, rest = "0", s
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err == nil && rest != "" {
		d, err = time.ParseDuration(rest)
	}
	if err != nil || n > maxDays || d < 0 || s == "" {
		return 0, bellhop.Invalidf("duration", "%q is not a duration: give 30d, 12h or 1h30m", s)
	}
	return time.Duration(n)*24*time.Hour + d, nil
}

// parseURL splits a driver's URL. A path without a scheme is a common slip.
func parseURL(name, value, accepted string) (*url.URL, error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme == "" {
		// without the value: it may hold a password
		return nil, WrongSetting(name, "it is not the address of a driver", accepted)
	}
	return u, nil
}

// sqlitePath returns the file of an sqlite: URL.
func (s *Storage) sqlitePath(u *url.URL) (string, error) {
	path, err := url.PathUnescape(u.Opaque)
	if err != nil {
		return "", err
	}
	return filepath.Abs(cmp.Or(path, u.Path, filepath.Join(s.Dir, "bellhop.db")))
}
