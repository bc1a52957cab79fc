package aws_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const certificate = "CERTIFICATE=arn:aws:acm:us-east-1:000000000000:certificate/1"

// TestDeployAddsTheServerLast shows that a first server comes when its tables are there.
func TestDeployAddsTheServerLast(t *testing.T) {
	s := copyScripts(t)
	said, asked, ok := s.run("deploy.sh", "DOMAIN=bellhop.example.com", "HOSTED_ZONE=Z1", certificate)
	if !ok {
		t.Fatal(said)
	}
	program := regexp.MustCompile(`ServerProgram=(\S+)`).FindStringSubmatch(asked)
	if program == nil {
		t.Fatalf("no server: %s", asked)
	}
	bucket, key, _ := strings.Cut(program[1], "/")
	inOrder(t, asked, "s3api put-object --bucket "+bucket+" --expected-bucket-owner 000000000000 --key "+key,
		"DatabaseProtection=false", "lambda invoke",
		"--parameter-overrides Domain=bellhop.example.com Certificate="+strings.TrimPrefix(certificate, "CERTIFICATE=")+
			" HostedZone=Z1 CloudFrontAddresses=pl-1 Server=t4g.nano ServerSide=a ServerProgram="+program[1]+
			" ServerImage=ami-1",
		"s3 rm s3://"+bucket+"/bellhop/server/ --recursive --only-show-errors --exclude "+filepath.Base(key))
	inOrder(t, said, "API and console are at:", "theConsole")
	if strings.Contains(said, "CNAME") {
		t.Errorf("it asks for a record that it makes:\n%s", said)
	}
}

// TestDeployAddsAServerToAStackLast shows that a stack from before the login to the database gets that first, without
// which no server gets ready, and that a server that fails takes nothing else back.
func TestDeployAddsAServerToAStackLast(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	for _, side := range []string{"", "ServerSide\tnone\n"} {
		s.write("bin/parameters", stackParameters+side)
		said, asked, ok := s.run("deploy.sh", "SERVER=t4g.nano", "PARAMETERS=Consumers=8")
		if !ok {
			t.Fatal(said)
		}
		inOrder(t, asked, "lambda invoke", "--parameter-overrides Consumers=8 \n", `<{"shops":[],"analyze":false}>`,
			"cloudformation deploy", "Server=t4g.nano ServerSide=a")
	}
}

// TestDeployReplacesTheServer shows when a server stays, when another takes the other place, and when it goes.
func TestDeployReplacesTheServer(t *testing.T) {
	s := copyScripts(t)
	_, asked, _ := s.run("deploy.sh")
	program := regexp.MustCompile(`ServerProgram=(\S+)`).FindStringSubmatch(asked)[1]
	has := func(side string) string {
		return stackParameters + fmt.Sprintf("Server\tt4g.nano\nServerSide\t%s\nServerProgram\t%s\n", side, program)
	}
	fromB := func() {
		s.write("bin/parameters", has("b"))
		s.write("server", "x")
	}
	for what, test := range map[string]struct {
		change func()
		env    string
		want   string // "": the server stays
	}{
		"nothing new":        {func() {}, "", ""},
		"another program":    {func() { s.write("server", "the next server") }, "", "ServerSide=b"},
		"another setup":      {func() { s.write("aws/server/setup.sh", "exit") }, "", "ServerSide=b"},
		"another image":      {func() { s.write("bin/says/ssm.get-parameter", "ami-2") }, "", "ServerSide=b"},
		"another type":       {func() {}, "SERVER=t4g.small", "Server=t4g.small ServerSide=b"},
		"from the other one": {fromB, "", "ServerSide=a"},
		"no server":          {func() {}, "SERVER=off", " ServerSide=none"},
	} {
		s = copyScripts(t)
		s.write("bin/stack", "UPDATE_COMPLETE\n")
		s.write("bin/parameters", has("a"))
		test.change()
		said, asked, ok := s.run("deploy.sh", cmp.Or(test.env, "SERVER="))
		if !ok {
			t.Errorf("%s: %s", what, said)
		}
		_, overrides, _ := strings.Cut(asked, "--parameter-overrides")
		if test.want == "" && strings.Contains(overrides, " ServerSide=") || !strings.Contains(overrides, test.want) {
			t.Errorf("%s: it asks\n%s", what, asked)
		}
		uploaded := strings.Contains(asked, "s3api put-object")
		if wanted := test.want != "" && test.env != "SERVER=off"; uploaded != wanted {
			t.Errorf("%s: an archive is uploaded: %v", what, uploaded)
		}
		if strings.Count(asked, "cloudformation deploy") != 1 {
			t.Errorf("%s: the functions and the server are not changed at once", what)
		}
	}
}

func TestDeployRefusesAServer(t *testing.T) {
	domain := "DOMAIN=bellhop.example.com"
	for what, test := range map[string]struct {
		call, says string
		env        []string
		want       string
	}{
		"of another architecture": {"ec2.describe-instance-types", "x86_64", []string{"SERVER=t3.nano"}, "which is for x86_64"},
		"where CloudFront isn't":  {"ec2.describe-managed-prefix-lists", "None", nil, "give SERVER=off"},
		"before its certificate":  {"acm.describe-certificate", "PENDING_VALIDATION\tbellhop.example.com", []string{domain, certificate}, "is not issued yet"},
		"under another's name":    {"acm.describe-certificate", "ISSUED\texample.com", []string{domain, certificate}, "the certificate is not for bellhop.example.com"},
		"in another's zone":       {"route53.get-hosted-zone", "example.org.", []string{domain, certificate, "HOSTED_ZONE=Z1"}, "is that of example.org"},
		"that is off":             {"x.x", "", []string{domain, certificate, "SERVER=off"}, "a domain needs a server"},
		"without a certificate":   {"x.x", "", []string{domain}, "DOMAIN needs a CERTIFICATE in us-east-1"},
		"without a domain":        {"x.x", "", []string{"HOSTED_ZONE=Z1"}, "are for a DOMAIN"},
	} {
		s := copyScripts(t)
		s.write("bin/says/"+test.call, test.says)
		said, asked, ok := s.run("deploy.sh", test.env...)
		if ok || !strings.Contains(said, test.want) || strings.Count(said, "\n") != 1 ||
			strings.Contains(asked, "s3 mb") {
			t.Errorf("a server %s: %v, %q, asked %q", what, ok, said, asked)
		}
	}
}

// standIns answer on a machine in place of what needs AWS, systemd or root. Each notes its call in "log".
var standIns = map[string]string{
	"aws": `case "$1.$2" in
s3.cp) cp "$HERE/archive" "$4" ;;
secretsmanager.get-secret-value) cat "$HERE/of-$4" ;;
lambda.get-function-configuration) cat "$HERE/sweep" ;;
esac`,
	"rpm": `mkdir -p "$ROOT/opt/aws/amazon-cloudwatch-agent/bin" "$ROOT/opt/aws/amazon-cloudwatch-agent/etc"
printf '#!/bin/sh\n' >"$ROOT/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl"
chmod +x "$ROOT/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl"`,
	"curl":             `case "$*" in */readyz) cat "$HERE/readyz" ;; */healthz) [ ! -e "$HERE/hangs" ] ;; esac`,
	"systemctl":        "",
	"systemd-sysusers": "",
	"chown":            "",
	"install": `words=
while [ $# -gt 0 ]; do
	case $1 in -o | -g) shift ;; *) words="$words $1" ;; esac
	shift
done
exec /usr/bin/install $words`,
}

// serverMachine is the file system of a server.
type serverMachine struct {
	t    *testing.T
	root string
	here string // of the stand-ins
}

// setUp runs the user data of the template on a machine, with the archive that deploy.sh makes.
func setUp(t *testing.T, values map[string]string) (m serverMachine, failed error) {
	t.Helper()
	s := copyScripts(t)
	if said, _, ok := s.run("deploy.sh"); !ok {
		t.Fatal(said)
	}
	m = serverMachine{t, t.TempDir(), t.TempDir()}
	for _, dir := range []string{"usr/bin", "usr/local/bin", "usr/lib/sysusers.d", "etc/systemd/system", "etc/logrotate.d",
		"var/log"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	archive, err := os.ReadFile(filepath.Join(s.dir, "bin/archive"))
	if err != nil {
		t.Fatal(err)
	}
	m.say("archive", string(archive))
	m.say("readyz", cmp.Or(values["readyz"], `{"status":"ok","checks":{"database":"ok"}}`+"\n"))
	m.say("of-DatabaseLogin", `{"username":"bellhop","password":"a:b\\c"}`)
	m.say("of-KeySecret", serverKey)
	m.say("of-ShopifySecret", "new,old")
	m.say("sweep", "https://x.cloudfront.net\tNone\n")
	for name, does := range standIns {
		m.say(name, "#!/bin/sh\nHERE=$(dirname \"$0\")\necho "+name+` "$@" >>"$HERE/log"`+"\n"+does+"\n")
	}
	return m, m.run(userData(t, values))
}

func (m serverMachine) say(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.here, name), []byte(text), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// run runs a script as it would run there.
func (m serverMachine) run(script string, env ...string) error {
	here := strings.ReplaceAll(script, "/opt/bellhop", m.root+"/opt/bellhop")
	cmd := exec.CommandContext(m.t.Context(), "sh", "-c", here)
	cmd.Env = append([]string{"PATH=" + m.here + ":" + os.Getenv("PATH"), "ROOT=" + m.root}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// read reads a file of the machine.
func (m serverMachine) read(name string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.root, name))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// asked returns the calls of the stand-ins.
func (m serverMachine) asked() string {
	text, _ := os.ReadFile(filepath.Join(m.here, "log"))
	return string(text)
}

// userData returns the template's, with values in place of the stack's.
func userData(t *testing.T, values map[string]string) string {
	t.Helper()
	data := readTemplate(t).Resources["ServerA"].Properties["UserData"].(map[string]any)["Fn::Base64"]
	script := data.(map[string]any)["Fn::Sub"].([]any)[0].(string)
	return regexp.MustCompile(`\$\{([A-Za-z.:]+)\}`).ReplaceAllStringFunc(script, func(word string) string {
		return cmp.Or(values[word], strings.Trim(word, "${}"))
	})
}

func TestServerSetsItselfUp(t *testing.T) {
	m, err := setUp(t, map[string]string{"${AWS::Region}": "eu-west-1", "${Ready}": "https://s3/ready?a=b&c=d"})
	if err != nil {
		t.Fatal(err, m.asked())
	}
	const where = "postgres://Database.Endpoint.Address:Database.Endpoint.Port/bellhop?sslmode=verify-full&"
	inOrder(t, m.asked(), "aws s3 cp s3://ServerProgram server.tar.gz",
		"rpm -U https://amazoncloudwatch-agent-eu-west-1.s3.eu-west-1.amazonaws.com/",
		"systemctl start bellhop-login.service",
		"systemctl enable --now bellhop-login.timer bellhop-health.timer bellhop-serve@8080.service", "/readyz",
		`{"Status":"SUCCESS","UniqueId":"server","Reason":"the server answers","Data":""} https://s3/ready?a=b&c=d`)
	for file, word := range map[string]string{
		"etc/bellhop/bellhop.env":                          where,
		"etc/bellhop/serve.env":                            `BELLHOP_METRICS_ADDR="127.0.0.1:9090"`,
		"etc/bellhop/login.env":                            `DATABASE_SECRET="DatabaseLogin"`,
		"opt/aws/amazon-cloudwatch-agent/etc/bellhop.json": `"endpoint_override": "logs.eu-west-1.api.aws"`,
		"usr/local/bin/bellhop":                            "the server",
	} {
		if text := m.read(file); !strings.Contains(text, word) {
			t.Errorf("%s is\n%s", file, text)
		}
		if strings.HasSuffix(file, ".env") {
			m.isSecret(file)
		}
	}
	m.fetch()
	if got := m.read("var/lib/bellhop/login.conf"); got != "[bellhop]\nuser=bellhop\npassword=a:b\\c\n" {
		t.Errorf("the login's file is %q", got)
	}
	m.isSecret("var/lib/bellhop/login.conf")
	m.isForAll(regexp.MustCompile(`sslrootcert=/([^&]*)`).FindStringSubmatch(m.read("etc/bellhop/bellhop.env"))[1])
	m.isForAll("usr/local/bin/bellhop")
	m.isForAll("usr/bin/as-bellhop") // which is where sudo finds it
	m.unitsAreValid()
}

// serverKey is what CloudFormation makes for BELLHOP_KEY.
const serverKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// fetch does what the timer does every five minutes.
func (m serverMachine) fetch() {
	m.t.Helper()
	env := strings.Fields(strings.ReplaceAll(m.read("etc/bellhop/login.env"), `"`, ""))
	for _, script := range regexp.MustCompile(`(?m)^ExecStart=/bin/(sh .*)$`).
		FindAllStringSubmatch(m.read("etc/systemd/system/bellhop-login.service"), -1) {
		if err := m.run(script[1], env...); err != nil {
			m.t.Fatal(err, m.asked())
		}
	}
}

// TestServerFollowsItsSettings changes what a deployment changes, and wants a server that runs to start anew then.
func TestServerFollowsItsSettings(t *testing.T) {
	m, err := setUp(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	const connecting = "BELLHOP_SHOPIFY_CLIENT_ID='0123abc'\nBELLHOP_SHOPIFY_SECRET='new,old'\n"
	restarts := 0
	for _, change := range []struct {
		what string
		does func()
		want string
	}{
		{"the first time", func() {}, "BELLHOP_KEY='" + serverKey + "'\nBELLHOP_URL='https://x.cloudfront.net'\n"},
		{"an app that connects shops", func() { m.say("sweep", "https://x.cloudfront.net\t0123abc\n") },
			"BELLHOP_KEY='" + serverKey + "'\nBELLHOP_URL='https://x.cloudfront.net'\n" + connecting},
		{"a domain", func() { m.say("sweep", "https://bellhop.example.com\t0123abc\n") },
			"BELLHOP_KEY='" + serverKey + "'\nBELLHOP_URL='https://bellhop.example.com'\n" + connecting},
		{"a key that rotates", func() { m.say("of-KeySecret", "new,"+serverKey) },
			"BELLHOP_KEY='new," + serverKey + "'\nBELLHOP_URL='https://bellhop.example.com'\n" + connecting},
	} {
		change.does()
		for range 2 { // the second time nothing is new
			m.fetch()
		}
		restarts++
		if got := m.read("etc/bellhop/app.env"); got != change.want {
			t.Errorf("%s: the settings are\n%s", change.what, got)
		}
		m.isSecret("etc/bellhop/app.env")
		if n := strings.Count(m.asked(), "systemctl try-restart --no-block bellhop-serve@8080.service"); n != restarts {
			t.Errorf("%s: %d restarts, and %d changes", change.what, n, restarts)
		}
	}
	before := m.read("etc/bellhop/app.env")
	for _, secret := range []string{"of-KeySecret", "of-ShopifySecret", "sweep"} {
		os.Rename(filepath.Join(m.here, secret), filepath.Join(m.here, "away"))
		if err := m.run("sh /opt/bellhop/app.sh", "KEY_SECRET=KeySecret", "SHOPIFY_SECRET=ShopifySecret", "SETTINGS_OF=s",
			"AWS_REGION=r"); err == nil || m.read("etc/bellhop/app.env") != before {
			t.Errorf("without %s: %v", secret, err)
		}
		os.Rename(filepath.Join(m.here, "away"), filepath.Join(m.here, secret))
	}
}

// isForAll checks that the service's user reads a file, although the scripts deploy with a strict mask.
func (m serverMachine) isForAll(name string) {
	m.t.Helper()
	for ; name != "."; name = filepath.Dir(name) {
		if info, err := os.Stat(filepath.Join(m.root, name)); err != nil || info.Mode().Perm()&0o004 == 0 {
			m.t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// isSecret checks that only a file's owner reads it.
func (m serverMachine) isSecret(name string) {
	m.t.Helper()
	if info, err := os.Stat(filepath.Join(m.root, name)); err != nil || info.Mode().Perm() != 0o600 {
		m.t.Errorf("%s: %v, %v", name, info, err)
	}
}

// unitsAreValid asks systemd about the units as they are on the machine.
func (m serverMachine) unitsAreValid() {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		m.t.Log("there is no systemd-analyze: not tried")
		return
	}
	for _, target := range []string{"network-online", "multi-user", "sysinit", "basic", "shutdown", "timers",
		"time-sync", "time-set"} {
		path := filepath.Join(m.root, "etc/systemd/system", target+".target")
		if err := os.WriteFile(path, []byte("[Unit]\nDescription="+target+"\n"), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(m.root, "bin"), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.root, "bin/sh"), nil, 0o755); err != nil {
		m.t.Fatal(err)
	}
	out, err := exec.CommandContext(m.t.Context(), analyze, "verify", "--root="+m.root, "--man=no",
		"--recursive-errors=yes", "bellhop-serve@8080.service", "bellhop-login.service", "bellhop-login.timer",
		"bellhop-health.service", "bellhop-health.timer").CombinedOutput()
	if err != nil || len(out) > 0 {
		m.t.Errorf("%v: %s", err, out)
	}
}

// TestServerSaysWhichStepFailed holds that the stack learns it at once, not when it has waited long enough.
func TestServerSaysWhichStepFailed(t *testing.T) {
	m, err := setUp(t, map[string]string{"readyz": `{"status":"degraded","checks":{"database":"away"}}`})
	if err == nil {
		t.Error("a server without its database counts as ready")
	}
	inOrder(t, m.asked(), `{"Status":"FAILURE"`, "failed to reach the database and the queue")
	if strings.Contains(m.asked(), "SUCCESS") {
		t.Error(m.asked())
	}
}

func TestServerThatHangsStartsAnew(t *testing.T) {
	m, err := setUp(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	const restart = "systemctl restart bellhop-serve@8080.service"
	if err := m.run("sh /opt/bellhop/health.sh"); err != nil || strings.Contains(m.asked(), restart) {
		t.Errorf("%v: %s", err, m.asked())
	}
	m.say("readyz", `{"status":"degraded","checks":{"database":"the login is refused"}}`)
	if err := m.run("sh /opt/bellhop/health.sh"); err != nil ||
		!strings.Contains(m.asked(), "systemctl start bellhop-login.service") {
		t.Errorf("without a part: %v: %s", err, m.asked())
	}
	m.say("hangs", "")
	if err := m.run("sh /opt/bellhop/health.sh"); err != nil || !strings.Contains(m.asked(), restart) {
		t.Errorf("%v: %s", err, m.asked())
	}
}

// TestServersAreAlike holds that a new server differs from the old one only in its place, and that it is
// ready before CloudFront turns to it.
func TestServersAreAlike(t *testing.T) {
	tpl := readTemplate(t)
	for _, side := range []string{"A", "B"} {
		server, origin := tpl.Resources["Server"+side], tpl.Resources["Origin"+side]
		ready := tpl.Resources["Server"+side+"Ready"]
		if text(server.Properties) != text(tpl.Resources["ServerA"].Properties) {
			t.Errorf("server %s is otherwise", side)
		}
		for name, r := range map[string]resource{"server": server, "ready": ready, "origin": origin} {
			if r.Condition != "IsServer"+side {
				t.Errorf("%s of %s is there if %s", name, side, r.Condition)
			}
		}
		if !slices.Contains(list(ready.DependsOn), any("Server"+side)) ||
			!slices.Contains(list(origin.DependsOn), any("Server"+side+"Ready")) {
			t.Errorf("CloudFront turns to server %s before it is ready", side)
		}
	}
	server := tpl.Resources["ServerA"].Properties
	for _, public := range []string{"NetworkInterfaces", "KeyName"} {
		if server[public] != nil {
			t.Errorf("the server has %s", public)
		}
	}
}

// TestDistributionCachesNothing holds that no answer, and no error, is given to somebody else.
func TestDistributionCachesNothing(t *testing.T) {
	d := distribution(t)
	behaviors := append(list(d["CacheBehaviors"]), d["DefaultCacheBehavior"])
	for _, b := range behaviors {
		b := b.(map[string]any)
		if b["CachePolicyId"] != "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" || b["ViewerProtocolPolicy"] == "allow-all" {
			t.Errorf("%v", b)
		}
		if (b["TargetOriginId"] == "server") != (b["OriginRequestPolicyId"] == allViewer) {
			t.Errorf("%v gets other headers than it needs", b["TargetOriginId"])
		}
	}
	kept := map[float64]bool{400: true, 403: true, 404: true, 405: true, 414: true, 500: true, 501: true, 502: true,
		503: true, 504: true}
	for _, e := range list(d["CustomErrorResponses"]) {
		if e := e.(map[string]any); e["ErrorCachingMinTTL"] == 0.0 {
			delete(kept, e["ErrorCode"].(float64))
		}
	}
	if len(kept) > 0 {
		t.Errorf("CloudFront answers others with these errors: %v", kept)
	}
}

func distribution(t *testing.T) map[string]any {
	t.Helper()
	return readTemplate(t).Resources["Distribution"].Properties["DistributionConfig"].(map[string]any)
}
