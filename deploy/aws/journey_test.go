package aws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/lambdaruntime"
	"bellhop/internal/realserver"
	"bellhop/queue"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
)

const appSecret = "the app's secret"

// The servers that the journeys share, and the program that all functions run,
// built so that tests can make it fail.
var (
	thePostgres = sync.OnceValues(func() (*realserver.Postgres,
		error) {
		return realserver.StartPostgres(context.Background())
	})
	theSQS     = sync.OnceValues(func() (*realserver.SQS, error) { return realserver.StartSQS(context.Background()) })
	theProgram = sync.OnceValues(func() (string, error) {
		path := filepath.Join(built, "bootstrap")
		build := exec.Command("go", "build", "-tags", "lambda.norpc,nosqlite,noamqp,nomail,grpcnotrace,traps", "-ldflags",
			"-s -w", "-o", path, "bellhop/cmd/bellhop-lambda")
		out, err := build.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("build the functions: %w: %s", err, out)
		}
		return path, err
	})
	built string // folder of the program
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if built, err = os.MkdirTemp("", "bellhop-functions-"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(built)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_EC2_METADATA_DISABLED": "true"} {
		os.Setenv(name, value)
	}
	os.Unsetenv("AWS_CA_BUNDLE") // the stand-ins speak HTTP
	return m.Run()
}

// journey is bellhop as the template describes it, with stand-ins for AWS's
// services around the real functions.
type journey struct {
	t        *testing.T
	mode     string
	lambda   *lambdaruntime.Server
	machine  *realserver.StepFunctions
	fcm      *simulate.FCM
	parts    *wire.Parts       // the same database and queue, for looking on
	target   string            // where webhooks go
	values   map[string]string // of the template's variables, here
	database string            // with the password
	made     map[string]*lambdaruntime.Function
	shops    []string
	tokens   map[string]string // of the one phone of each shop
	troubles
}

// troubles are the failures on a journey.
type troubles struct {
	faults  string            // of FCM
	traps   map[string]string // POINT HITS HOW: where each process of a function fails; Start is killed from outside
	timeout time.Duration     // of functions that hang; 0 is the template's
}

// atOnce is how many processes a function has at once: so few that each gets to
// where it fails.
const atOnce = 3

func startJourney(t *testing.T, mode string, meets troubles) *journey {
	t.Helper()
	j := &journey{t: t, mode: mode, troubles: meets, made: map[string]*lambdaruntime.Function{},
		tokens: map[string]string{}, values: map[string]string{}}
	j.services()
	for _, name := range []string{"Accept", "Start", "Record", "Notify", "Sweep", "Migrate"} {
		if name != "Start" { // it knows the machine, which knows the others
			j.function(name)
		}
	}
	j.machine = startMachine(t, j.lambda.InvokeURL(), mode == "express")
	j.values["BELLHOP_STATE_MACHINE"], j.values["BELLHOP_STATE_MACHINE_TYPE"] = j.machine.ARN, mode
	j.function("Start")
	webhooks := httptest.NewServer(j.made["Accept"].URL())
	t.Cleanup(webhooks.Close)
	j.target = webhooks.URL + "/webhooks/shopify"
	j.people()
	return j
}

// services starts the stand-ins for AWS and Google, and returns the values of the template's
// variables there.
func (j *journey) services() {
	t := j.t
	pg, err := thePostgres()
	realserver.Need(t, err)
	s, err := theSQS()
	realserver.Need(t, err)
	db, err := pg.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := simulate.ParseFaults(j.faults)
	if err != nil {
		t.Fatal(err)
	}
	j.fcm = simulate.NewFCM(simulate.FCMOptions{Faults: f, Seed: 1, Unlimited: true})
	google := httptest.NewServer(j.fcm)
	t.Cleanup(func() { j.fcm.Close(); google.Close() })
	account, err := j.fcm.ServiceAccount(google.URL)
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(pg.URL(db))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := address.User.Password()
	login, err := json.Marshal(map[string]string{"username": address.User.Username(), "password": password})
	if err != nil {
		t.Fatal(err)
	}
	// Roles are the whole server's, which journeys share.
	functions := fmt.Sprintf(`{"username":"functions_of_%s","password":"only for tests, too"}`, db)
	secrets := serveSecrets(t, map[string]string{"the database": string(login), "the functions": functions,
		"the shop": appSecret, "the phones": string(account), "the key": strings.Repeat("0123456789abcdef", 4)})
	full := address.String()
	address.User = nil
	j.values = map[string]string{
		"BELLHOP_STACK": "bellhop", "BELLHOP_DB": address.String(), "BELLHOP_LOGIN_SECRET_ARN": "the functions",
		"BELLHOP_SHOPIFY_SECRET_ARN": "the shop", "BELLHOP_SHOP_SECRETS_ARN": "the shops",
		"BELLHOP_PUSH": "fcm:?endpoint=" + google.URL, "BELLHOP_PUSH_SECRET_ARN": "the phones",
		"BELLHOP_QUEUE": j.queue(s.Endpoint), "AWS_ENDPOINT_URL_SQS": s.Endpoint,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets, "BELLHOP_KEY_ARN": "the key",
		"BELLHOP_MAX_BODY":          "8MiB",
		"BELLHOP_SHOPIFY_CLIENT_ID": "0123456789abcdef", "BELLHOP_URL": "https://bellhop.example",
	}
	if j.lambda, err = lambdaruntime.Start(t.Output()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.lambda.Close() })
	j.database = full
	j.look()
}

func (j *journey) name() string { return strings.ReplaceAll(j.t.Name(), "/", "-") }

// queue makes the queue with a visibility that a test can wait for, and returns
// its address.
func (j *journey) queue(endpoint string) string {
	name := j.name()
	address := fmt.Sprintf("sqs+http://%s/000000000000/%s?region=us-east-1&bucket=%s",
		strings.TrimPrefix(endpoint, "http://"), name, strings.ToLower(name))
	p, err := (&wire.Storage{Dir: j.t.TempDir(), DB: "sqlite:", Queue: address}).OpenBroker(j.t.Context(),
		wire.Options{})
	if err != nil {
		j.t.Fatal(err)
	}
	defer p.Close()
	a := queue.DefaultAttributes()
	a.Visibility = 5 * time.Second
	if err := p.Broker.Create(j.t.Context(), name, a); err != nil {
		j.t.Fatal(err)
	}
	put, err := http.NewRequestWithContext(j.t.Context(), http.MethodPut, endpoint+"/"+strings.ToLower(name), nil)
	if err != nil {
		j.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(put)
	if err != nil || res.StatusCode != http.StatusOK {
		j.t.Fatalf("make the bucket: %v, %v", res, err)
	}
	return address
}

// look migrates by the functions' own migrations and opens the database.
func (j *journey) look() {
	at := &wire.Storage{Dir: j.t.TempDir(), DB: j.database, Queue: j.values["BELLHOP_QUEUE"]}
	j.function("Migrate")
	out, err := j.made["Migrate"].Invoke(j.t.Context(), []byte(`{"shops":[]}`))
	if err != nil || out.Failed {
		j.t.Fatalf("migrate: %s, %v", out.Payload, err)
	}
	if j.parts, err = at.Open(j.t.Context(), wire.Options{}); err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(func() { j.parts.Close() })
}

// function adds a function with the variables that the template gives it.
func (j *journey) function(name string) {
	program, err := theProgram()
	if err != nil {
		j.t.Fatal(err)
	}
	p := readTemplate(j.t).Resources[name].Properties
	var env []string
	secret := map[string]string{`{"Ref":"DatabaseLogin"}`: "the functions",
		`{"Fn::GetAtt":["Database","MasterUserSecret.SecretArn"]}`: "the database"}
	for variable, value := range p["Environment"].(map[string]any)["Variables"].(map[string]any) {
		here, known := j.values[variable]
		if plain, ok := value.(string); ok && !known {
			here, known = plain, true
		}
		if variable == "BELLHOP_DB_SECRET_ARN" {
			here, known = secret[text(value)]
		}
		if !known {
			j.t.Fatalf("the template gives %s the variable %s, and this test has no value for it", name, variable)
		}
		env = append(env, variable+"="+here)
	}
	env = append(env, "AWS_ENDPOINT_URL_SECRETS_MANAGER="+j.values["AWS_ENDPOINT_URL_SECRETS_MANAGER"])
	if j.machine != nil {
		env = append(env, "AWS_ENDPOINT_URL_SFN="+j.machine.Endpoint)
	}
	trap := strings.Fields(j.traps[name])
	if len(trap) == 3 {
		env = append(env, "TRAP_POINT="+trap[0], "TRAP_HITS="+trap[1], "TRAP_HOW="+trap[2])
	}
	f := j.lambda.Function(strings.ToLower(name), []string{program}, env...)
	f.Timeout = time.Duration(number(j.t, name, p["Timeout"])) * time.Second
	if len(trap) == 3 && j.timeout > 0 {
		f.Timeout = j.timeout
	}
	f.Concurrency = atOnce
	j.made[name] = f
}

func serveSecrets(t *testing.T, secrets map[string]string) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ SecretId string }
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &in); err != nil || secrets[in.SecretId] == "" {
			http.Error(w, `{"__type":"ResourceNotFoundException"}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		json.NewEncoder(w).Encode(map[string]any{"SecretString": secrets[in.SecretId], "CreatedDate": time.Now().Unix()})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// people adds shops by the function that a deployment calls, and a phone to each.
func (j *journey) people() {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 5 {
		shop := fmt.Sprintf("shop-%d.myshopify.com", i)
		j.shops = append(j.shops, shop)
		j.tokens[shop] = simulate.NewToken(rng)
	}
	in, err := json.Marshal(map[string]any{"shops": j.shops})
	if err != nil {
		j.t.Fatal(err)
	}
	out, err := j.made["Migrate"].Invoke(j.t.Context(), in)
	if err != nil || out.Failed || !strings.Contains(string(out.Payload), j.shops[4]) {
		j.t.Fatalf("migrate: %s, %v", out.Payload, err)
	}
	for shop, token := range j.tokens {
		_, err := j.parts.Store.PutDevice(j.t.Context(), bellhop.Device{Shop: shop, Installation: "phone",
			Kind: bellhop.AddressToken, Value: token,
			Platform: bellhop.PlatformAndroid, Form: bellhop.FormData, Locale: "en", Timezone: "UTC",
			AddedAt: time.Now(), SeenAt: time.Now()}, store.DeviceLimits{})
		if err != nil {
			j.t.Fatal(err)
		}
	}
}
