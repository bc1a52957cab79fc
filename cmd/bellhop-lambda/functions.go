package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/internal/amazon"
	"bellhop/internal/amazon/vault"
	"bellhop/pipeline"
	"bellhop/store"
	"bellhop/wire"
)

// parts opens the parts that a function needs.
type parts struct {
	settings *settings
	log      *slog.Logger
	now      func() time.Time
	began    time.Time // when the process did
	probe    pipeline.Probe

	once    sync.Once
	vault   *vault.Secrets
	noVault error
}

func newFunction(ctx context.Context, p *parts) (lambda.Handler, error) {
	switch p.settings.Function {
	case "accept":
		return p.accept(ctx)
	case "start":
		return p.start(ctx)
	case "record":
		q, err := p.settings.OpenSQS(ctx, p.options())
		if err != nil {
			return nil, err
		}
		s, err := p.step(ctx, q)
		return &lambdahost.Record{Step: s}, err
	case "notify":
		b, err := p.pushStep(ctx)
		return &lambdahost.Notify{PushStep: b}, err
	case "direct":
		return p.direct(ctx)
	case "sweep":
		b, err := p.pushStep(ctx)
		if err != nil {
			return nil, err
		}
		q, err := p.settings.OpenSQS(ctx, p.options())
		s := &lambdahost.Sweep{PushStep: b, KeepBodies: p.settings.KeepBodies, Keep: p.settings.Retention(), Queue: q}
		if p.settings.ShopifyClientID != "" {
			s.Keepers = (&keepers{parts: p, queue: q}).of
		}
		return s, err
	}
	db := p.database()
	run := func(ctx context.Context) (int, error) {
		at, err := p.storage(ctx)
		if err != nil {
			return 0, err
		}
		n, err := at.MigrateStore(ctx, p.options())
		if err == nil && p.settings.LoginSecret != "" {
			err = p.letIn(ctx, at)
		}
		return n, err
	}
	analyze := func(ctx context.Context) error {
		at, err := p.storage(ctx)
		if err != nil {
			return err
		}
		return at.Analyze(ctx)
	}
	m := &lambdahost.Migrate{Run: run, Analyze: analyze, Database: db, Log: p.log, Now: p.now}
	if p.settings.ShopSecrets != "" {
		m.Share = p.shareShopSecrets
	}
	return m, nil
}

// options let nobody but migrate make tables.
func (p *parts) options() wire.Options {
	o := wire.Options{Log: p.log, Now: p.now, TraceHeader: lambdahost.TraceHeader, Existing: true, Dial: p.dial()}
	if id := p.settings.PushSecret; id != "" {
		o.FCMCredentials = func(ctx context.Context) ([]byte, error) {
			account, err := p.secret(ctx, id)
			return []byte(account), err
		}
	}
	return o
}

// dial returns how functions in the database's network connect; nil for the others.
func (p *parts) dial() func(ctx context.Context, network, address string) (net.Conn, error) {
	if !slices.Contains(needs[p.settings.Function], "BELLHOP_DB") {
		return nil
	}
	return lambdahost.DialIPv6First
}

// loginAge is the age at which a deployment makes a new login. Secrets Manager keeps no more than about a hundred
// versions of a secret for a day (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const loginAge = 24 * time.Hour

// letIn makes the login in the secret that of a role that can't change the schema. Two roles take turns, so that the
// login before stays valid until the next change: nobody has to follow at once.
func (p *parts) letIn(ctx context.Context, at *wire.Storage) error {
	secrets, err := p.secrets(ctx)
	if err != nil {
		return err
	}
	login, err := secrets.Login(ctx, p.settings.LoginSecret)
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
		return err
	}
	if err == nil && p.now().Sub(login.Since) <= loginAge {
		return at.GrantLogin(ctx, login.Username, login.Password)
	}
	login = vault.Login{Username: otherRole(login.Username), Password: rand.Text()}
	if err := at.GrantLogin(ctx, login.Username, login.Password); err != nil {
		return err
	}
	return secrets.PutLogin(ctx, p.settings.LoginSecret, login)
}

func otherRole(name string) string {
	if base, isA := strings.CutSuffix(name, "_a"); isA {
		return base + "_b"
	}
	return cmp.Or(strings.TrimSuffix(name, "_b"), "bellhop_app") + "_a"
}

func (p *parts) metrics() lambdahost.Metrics {
	return lambdahost.Metrics{Log: p.log, Stack: p.settings.Stack}
}

func (p *parts) accept(ctx context.Context) (lambda.Handler, error) {
	q, err := p.settings.OpenSQS(ctx, p.options())
	if err != nil {
		return nil, err
	}
	most, err := p.settings.BodyLimit()
	if err != nil {
		return nil, err
	}
	a := &lambdahost.Accept{Producer: q, Secrets: p.acceptedSecrets, MaxBody: most, Log: p.log, Now: p.now, Probe: p.probe}
	a.Prepare(ctx, p.began)
	return a, nil
}

func (p *parts) start(ctx context.Context) (lambda.Handler, error) {
	codec, err := p.settings.Codec(ctx, p.options())
	if err != nil {
		return nil, err
	}
	q, err := p.settings.OpenSQS(ctx, p.options())
	if err != nil {
		return nil, err
	}
	cfg, err := amazon.Load(ctx, amazon.Settings{})
	if err != nil {
		return nil, err
	}
	return &lambdahost.Start{Executions: lambdahost.NewStepFunctions(cfg, p.settings.Machine),
		Standard: p.settings.MachineType == "standard", Queue: q, Codec: codec, Log: p.log,
		Now: p.now, Metrics: p.metrics()}, nil
}

func (p *parts) direct(ctx context.Context) (lambda.Handler, error) {
	q, err := p.settings.OpenSQS(ctx, p.options())
	if err != nil {
		return nil, err
	}
	s, err := p.step(ctx, q)
	if err != nil {
		return nil, err
	}
	b, err := p.pushStepWith(ctx, s.Database)
	return &lambdahost.Direct{Step: s, PushStep: b, Queue: q}, err
}

func (p *parts) step(ctx context.Context, deadLetters lambdahost.DeadLetters) (*lambdahost.Step, error) {
	codec, err := p.settings.Codec(ctx, p.options())
	if err != nil {
		return nil, err
	}
	db := p.database()
	return &lambdahost.Step{Database: db, Codec: codec, DeadLetters: deadLetters, MaxAttempts: p.settings.MaxAttempts,
		Keys: p.keys(db), Log: p.log, Now: p.now, Probe: p.probe}, db.Check(ctx)
}

// keys returns the secrets that check what a server of one's own put into the queue; nil where the function has none.
func (p *parts) keys(db *lambdahost.Database) pipeline.KeysSince {
	if p.settings.ShopifyAt == "" && p.settings.ShopifySecret == "" {
		return nil
	}
	return pipeline.KeepKeys(p.now, func(ctx context.Context) (*pipeline.Keyring, error) {
		shops, err := db.Get(ctx)
		if err != nil {
			return nil, err
		}
		current, previous, err := p.shopifySecret(ctx)
		if err != nil {
			return nil, err
		}
		keys := pipeline.NewKeyring(shops, current, previous)
		return keys, keys.Refresh(ctx)
	})
}

func (p *parts) pushStep(ctx context.Context) (*lambdahost.PushStep, error) {
	db := p.database()
	if err := db.Check(ctx); err != nil {
		return nil, err
	}
	return p.pushStepWith(ctx, db)
}

func (p *parts) pushStepWith(ctx context.Context, db *lambdahost.Database) (*lambdahost.PushStep, error) {
	sender, err := p.settings.OpenPush(ctx, p.options())
	return &lambdahost.PushStep{Database: db, Sender: sender, Log: p.log, Now: p.now, Probe: p.probe,
		Metrics: p.metrics()}, err
}

// database opens with the login of that moment.
func (p *parts) database() *lambdahost.Database {
	return &lambdahost.Database{Log: p.log, LoginRefused: wire.LoginRefused,
		Open: func(ctx context.Context) (store.Store, error) {
			at, err := p.storage(ctx)
			if err != nil {
				return nil, err
			}
			opened, err := at.OpenStore(ctx, p.options())
			if err != nil {
				return nil, err
			}
			return whole{opened.Store, opened}, nil
		}}
}

// whole is a store that closes its parts, too.
type whole struct {
	store.Store
	parts *wire.Parts
}

// Close implements store.Store.
func (w whole) Close() error { return w.parts.Close() }

func (p *parts) storage(ctx context.Context) (*wire.Storage, error) {
	var user *url.Userinfo
	if id := p.settings.DBSecret; id != "" {
		secrets, err := p.secrets(ctx)
		if err != nil {
			return nil, err
		}
		l, err := secrets.Login(ctx, id)
		if err != nil {
			return nil, err
		}
		user = url.UserPassword(l.Username, l.Password)
	}
	at := p.settings.Storage
	var err error
	if id := p.settings.KeyAt; id != "" {
		if at.Key, err = p.secret(ctx, id); err != nil {
			return nil, err
		}
	}
	at.DB, err = p.settings.databaseURL(user)
	return &at, err
}

func (p *parts) secrets(ctx context.Context) (*vault.Secrets, error) {
	p.once.Do(func() {
		cfg, err := amazon.Load(ctx, amazon.Settings{Dial: p.dial()})
		if p.noVault = err; err == nil {
			p.vault = vault.New(cfg)
		}
	})
	return p.vault, p.noVault
}

// clientOver returns a client for HTTP that connects in its own way.
func clientOver(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = dial
	return &http.Client{Transport: t}
}

// secret reads a secret by its ARN or name.
func (p *parts) secret(ctx context.Context, id string) (string, error) {
	secrets, err := p.secrets(ctx)
	if err != nil {
		return "", err
	}
	return secrets.Get(ctx, id)
}

// shopifySecret reads the app's secret anew.
func (p *parts) shopifySecret(ctx context.Context) (current, previous string, err error) {
	c := p.settings.Config
	if id := p.settings.ShopifyAt; id != "" {
		if c.ShopifySecret, err = p.secret(ctx, id); err != nil {
			return "", "", err
		}
	}
	current, previous, err = c.AppSecrets()
	if err == nil && current == "" {
		err = wire.WrongSetting("BELLHOP_SHOPIFY_SECRET_ARN", "the secret is empty",
			"put the Shopify app's client secret there")
	}
	return current, previous, err
}
