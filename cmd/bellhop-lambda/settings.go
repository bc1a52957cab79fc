package main

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop/wire"
)

// settings are the configuration and the functions' own variables.
type settings struct {
	wire.Config
	Function string `env:"BELLHOP_FUNCTION"`
	// MaxAttempts is the queue's maxReceiveCount. The last attempt records an event as
	// dead, since the queue makes it a dead letter then.
	MaxAttempts int `env:"BELLHOP_MAX_ATTEMPTS"`
	// Stack names the stack in metrics. Without it the functions print none.
	Stack string `env:"BELLHOP_STACK"`

	// Secrets of AWS Secrets Manager, by ARN or name.
	DBSecret    string `env:"BELLHOP_DB_SECRET_ARN"`
	LoginSecret string `env:"BELLHOP_LOGIN_SECRET_ARN"` // where migrate keeps the other functions' login
	ShopifyAt   string `env:"BELLHOP_SHOPIFY_SECRET_ARN"`
	ShopSecrets string `env:"BELLHOP_SHOP_SECRETS_ARN"` // JSON; migrate writes it, accept reads it
	PushSecret  string `env:"BELLHOP_PUSH_SECRET_ARN"`
	KeyAt       string `env:"BELLHOP_KEY_ARN"` // BELLHOP_KEY
	Machine     string `env:"BELLHOP_STATE_MACHINE"`
	MachineType string `env:"BELLHOP_STATE_MACHINE_TYPE" default:"express"`
}

// connections is the most that a function holds to the database. It holds that one while it is idle, too.
const connections = "1"

func settingsFromEnviron() (*settings, error) {
	s := &settings{}
	if err := fill(reflect.ValueOf(s).Elem()); err != nil {
		return nil, err
	}
	return s, s.check()
}

// fill reads the settings in the tags. It stands in for kong, which finds methods by
// their names: then the linker keeps every method of every type, and the program has
// 34 MB instead of 25.
func fill(v reflect.Value) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name := field.Tag.Get("env")
		if field.Anonymous {
			if err := fill(v.Field(i)); err != nil {
				return err
			}
		}
		if name == "" {
			continue
		}
		text := os.Getenv(name)
		if text == "" {
			text = field.Tag.Get("default")
		}
		if err := set(v.Field(i).Addr().Interface(), text); err != nil {
			return wire.WrongSetting(name, fmt.Sprintf("%q can't be read", text), fmt.Sprintf("give a %v", field.Type))
		}
	}
	return nil
}

func set(p any, text string) (err error) {
	if text == "" {
		return nil
	}
	switch p := p.(type) {
	case *string:
		*p = text
	case *int:
		*p, err = strconv.Atoi(text)
	case *time.Duration:
		*p, err = wire.ParseDuration(text)
	default:
		err = fmt.Errorf("settings of type %T are not read", p)
	}
	return err
}

// needs are the settings that a function requires.
var needs = map[string][]string{
	"accept":  {"BELLHOP_QUEUE", "BELLHOP_SHOPIFY_SECRET_ARN"},
	"start":   {"BELLHOP_QUEUE", "BELLHOP_STATE_MACHINE"},
	"record":  {"BELLHOP_DB", "BELLHOP_QUEUE"},
	"notify":  {"BELLHOP_DB"},
	"direct":  {"BELLHOP_DB", "BELLHOP_QUEUE"},
	"sweep":   {"BELLHOP_DB", "BELLHOP_QUEUE"},
	"migrate": {"BELLHOP_DB"},
}

func (s *settings) check() error {
	needed, known := needs[s.Function]
	if !known {
		return wire.WrongSetting("BELLHOP_FUNCTION", fmt.Sprintf("%q is no function", s.Function),
			"give one of "+strings.Join(slices.Sorted(maps.Keys(needs)), ", "))
	}
	given := map[string]bool{
		"BELLHOP_QUEUE": strings.HasPrefix(s.Queue, "sqs"), "BELLHOP_DB": strings.HasPrefix(s.DB, "postgres"),
		"BELLHOP_SHOPIFY_SECRET_ARN": s.ShopifyAt != "" || s.ShopifySecret != "", "BELLHOP_STATE_MACHINE": s.Machine != "",
	}
	for _, name := range needed {
		if !given[name] {
			return wire.WrongSetting(name, "it is missing or of another kind",
				fmt.Sprintf("the function %s needs it: see docs/aws.md", s.Function))
		}
	}
	if s.MaxAttempts < 0 {
		return wire.WrongSetting("BELLHOP_MAX_ATTEMPTS", fmt.Sprintf("%d is no number of attempts", s.MaxAttempts),
			"give the queue's maxReceiveCount")
	}
	switch s.MachineType = strings.ToLower(s.MachineType); s.MachineType {
	case "express", "standard":
		return nil
	}
	return wire.WrongSetting("BELLHOP_STATE_MACHINE_TYPE", fmt.Sprintf("there is no type %q", s.MachineType),
		"give express or standard")
}

// databaseURL returns BELLHOP_DB with a login in it and few connections. No error
// contains the URL: it holds a password.
func (s *settings) databaseURL(user *url.Userinfo) (string, error) {
	u, err := url.Parse(s.DB)
	if err != nil || u.Host == "" {
		return "", wire.WrongSetting("BELLHOP_DB", "it is not the address of a database", "give postgres://HOST:5432/DATABASE")
	}
	if user != nil {
		u.User = user
	}
	if q := u.Query(); !q.Has("pool_max_conns") {
		q.Set("pool_max_conns", connections)
		u.RawQuery = q.Encode()
	}
	return u.String(), nil
}
