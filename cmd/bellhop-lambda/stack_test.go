package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/internal/amazon/vault"
	"bellhop/internal/lambdaruntime"
	"bellhop/queue"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/store/sealed"
	"bellhop/wire"
)

// stack is the whole deployment on stand-ins: functions, a queue with its dead letters, a
// bucket, a database, secrets, and a phone for each shop.
type stack struct {
	t      *testing.T
	name   string
	server *lambdaruntime.Server
	log    *logs
	vault  *vaultStandIn
	fcm    *simulate.FCM
	push   string // BELLHOP_PUSH
	db     string // BELLHOP_DB, without a login
	where  wire.Storage
	store  store.Store
	client *sqs.Client
	url    string // of the queue, as SQS has it
	shops  []string
	tokens map[string]string // of the one phone of each shop

	functions map[string]*lambdaruntime.Function
	env       map[string][]string
}

// visibility is how long SQS holds a dead function's message: short, since tests wait
// for it.
const visibility = 4 * time.Second

func newStack(t *testing.T, shops int) *stack {
	t.Helper()
	for _, kv := range []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true"} {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	s := &stack{t: t, name: strings.NewReplacer("/", "-", "_", "-").Replace(strings.ToLower(t.Name())),
		vault: newVault(t), tokens: map[string]string{}, functions: map[string]*lambdaruntime.Function{},
		env: map[string][]string{}}
	s.server, s.log = newServer(t)
	s.newFCM()
	s.newDatabase()
	s.newQueue()
	for _, name := range []string{"accept", "record", "notify", "direct", "sweep", "migrate"} {
		s.add(name)
	}
	s.migrate(shops)
	return s
}

func (s *stack) newFCM() {
	faults, err := simulate.ParseFaults("ambiguous=1%")
	if err != nil {
		s.t.Fatal(err)
	}
	s.fcm = simulate.NewFCM(simulate.FCMOptions{Faults: faults, Seed: 1, Unlimited: true})
	server := httptest.NewServer(s.fcm)
	s.t.Cleanup(func() { s.fcm.Close(); server.Close() })
	account, err := s.fcm.ServiceAccount(server.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	s.vault.put("fcm", string(account))
	s.push = "fcm:?endpoint=" + server.URL
}

func (s *stack) newDatabase() {
	p := postgres(s.t)
	name, err := p.NewDatabase(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	u, err := url.Parse(p.URL(name))
	if err != nil {
		s.t.Fatal(err)
	}
	password, _ := u.User.Password()
	login, err := json.Marshal(vault.Login{Username: u.User.Username(), Password: password})
	if err != nil {
		s.t.Fatal(err)
	}
	s.vault.put("rds", string(login))
	u.User = nil
	s.db = u.String()
	s.where.DB, s.where.Key = p.URL(name), sealed.MakeKey()
	s.vault.put("key", s.where.Key)
}

func (s *stack) newQueue() {
	endpoint := sqsServer(s.t).Endpoint
	s.where.Queue = fmt.Sprintf("sqs+http://%s/000000000000/%s?region=us-east-1&bucket=%s-bodies", strings.TrimPrefix(endpoint, "http://"), s.name, s.name)
	cfg, err := amazon.Load(s.t.Context(), amazon.Settings{Region: "us-east-1", Endpoint: endpoint})
	if err != nil {
		s.t.Fatal(err)
	}
	bucket := s.name + "-bodies"
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(s.t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		s.t.Fatal(err)
	}
	q, err := s.where.OpenSQS(s.t.Context(), wire.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := q.Create(s.t.Context(), s.name, queue.Attributes{Visibility: visibility, MaxAttempts: 50}); err != nil {
		s.t.Fatal(err)
	}
	s.client = sqs.NewFromConfig(cfg)
	s.url = endpoint + "/000000000000/" + s.name
}

// add adds a function with the settings that the template gives it.
func (s *stack) add(name string, more ...string) *lambdaruntime.Function {
	login := []string{"BELLHOP_DB_SECRET_ARN=login"}
	if name == "migrate" {
		login = []string{"BELLHOP_DB_SECRET_ARN=rds", "BELLHOP_LOGIN_SECRET_ARN=login", "BELLHOP_KEY_ARN=key"}
	}
	s.env[name] = slices.Concat(login, []string{
		"BELLHOP_FUNCTION=" + name, "BELLHOP_DB=" + s.db, "BELLHOP_QUEUE=" + s.where.Queue,
		"BELLHOP_SHOPIFY_SECRET_ARN=shopify", "BELLHOP_SHOP_SECRETS_ARN=shops",
		"BELLHOP_PUSH=" + s.push, "BELLHOP_PUSH_SECRET_ARN=fcm",
		"BELLHOP_MAX_ATTEMPTS=50",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + s.vault.URL,
	}, more)
	f := s.server.Function(name, []string{bootstrap}, s.env[name]...)
	f.Timeout, f.Concurrency = 6*time.Second, 4
	s.functions[name] = f
	return f
}

// invoke runs a function once.
func (s *stack) invoke(name string, payload any) lambdaruntime.Result {
	s.t.Helper()
	in, err := json.Marshal(payload)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := s.functions[name].Invoke(s.t.Context(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// call runs a function that must succeed.
func (s *stack) call(name string, payload any) {
	s.t.Helper()
	if err := s.invoke(name, payload).Err(); err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
}

// passwords are the database's.
func (s *stack) passwords() []string {
	return []string{s.login("rds").Password, s.login("login").Password}
}

func (s *stack) login(secret string) (l vault.Login) {
	s.t.Helper()
	text, _ := s.vault.get(secret)
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		s.t.Fatal(err)
	}
	return l
}

// migrate makes the function create the database and the shops, as a deployment does,
// and adds a phone to each.
func (s *stack) migrate(shops int) {
	for i := range shops {
		s.shops = append(s.shops, fmt.Sprintf("shop-%d.myshopify.com", i))
	}
	s.call("migrate", map[string]any{"shops": s.shops})
	parts, err := s.where.OpenStore(s.t.Context(), wire.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { parts.Close() })
	s.store = parts.Store
	rng := rand.New(rand.NewPCG(1, 2))
	for _, shop := range s.shops {
		s.tokens[shop] = simulate.NewToken(rng)
		_, err := s.store.PutDevice(s.t.Context(), bellhop.Device{Shop: shop, Installation: "phone",
			Kind:  bellhop.AddressToken,
			Value: s.tokens[shop], Platform: bellhop.PlatformAndroid, Form: bellhop.FormData, Locale: "en", Timezone: "UTC",
			AddedAt: time.Now(), SeenAt: time.Now()}, store.DeviceLimits{})
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// mapping hands the queue's messages to a function.
func (s *stack) mapping(function string) *lambdaruntime.Mapping {
	return &lambdaruntime.Mapping{Client: s.client, QueueURL: s.url, QueueARN: "arn:aws:sqs:us-east-1:000000000000:" +
		s.name,
		Function: s.functions[function], BatchSize: 10, Duplicate: 7}
}
