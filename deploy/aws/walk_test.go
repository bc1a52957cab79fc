package aws_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	codeSpan   = regexp.MustCompile("`((?:make|aws) [^`]+)`")
	// placeholder finds what a reader has to fill in, and no test has.
	placeholder = regexp.MustCompile(`…|[= ](ID|ARN|NAME)\b`)
)

// pageCalls are what the page asks of AWS beside the scripts. The stub takes any command: before you add one here, see
// that the aws command itself takes it.
var pageCalls = []string{
	"acm describe-certificate", "acm request-certificate", "cloudwatch describe-alarms",
	"cloudwatch set-alarm-state", "ec2-instance-connect ssh", "iam attach-role-policy",
	"iam create-open-id-connect-provider", "iam create-policy", "iam create-role",
	"lambda delete-function-concurrency", "lambda get-function-configuration", "lambda put-function-concurrency",
	"logs tail", "rds modify-db-instance", "secretsmanager get-secret-value", "secretsmanager list-secrets",
}

// callOnThePage finds a call where a command begins.
var callOnThePage = regexp.MustCompile(`(?:^|\$\()aws ([a-z0-9-]+ [a-z-]+)`)

// thePage is docs/aws.md up to what was never run on AWS, and from there on.
func thePage(t *testing.T) (walk, neverRun string) {
	t.Helper()
	walk, neverRun, found := strings.Cut(readText(t, "../../docs/aws.md"), "\n## What was never run on AWS\n")
	if !found {
		t.Fatal("the page says nowhere what was never run on AWS")
	}
	return walk, neverRun
}

// filledIn replaces what a reader of the page has to fill in.
func (a *account) filledIn(commands string) string {
	for _, r := range [][2]string{
		{"https://….cloudfront.net", a.front.URL},
		{`"value":"…"`, `"value":"phone-1"`},
		{"ACCOUNT=123456789012", "ACCOUNT=000000000000"},
		{"ARN", "arn:aws:acm:us-east-1:000000000000:certificate/1"},
		{"HOSTED_ZONE=ID", "HOSTED_ZONE=Z1"},
		{"--db-instance-identifier ID", "--db-instance-identifier theDatabase"},
		{"--alarm-name NAME", "--alarm-name bellhop-OrdersWait"},
		{"dead show ID", `dead show "$first"`},
		{"dead replay ID", `dead replay "$first"`},
		{"dead drop ID", `dead drop "$second"`},
	} {
		commands = strings.ReplaceAll(commands, r[0], r[1])
	}
	for line := range strings.Lines(commands) {
		code, _, _ := strings.Cut(line, " #")
		for _, m := range callOnThePage.FindAllStringSubmatch(code, -1) {
			if !slices.Contains(pageCalls, m[1]) && !slices.Contains(scriptCalls(a.t), m[1]) {
				a.t.Errorf("does the aws command know %q, as in %q?", m[1], line)
			}
		}
		if left := placeholder.FindString(code); left != "" {
			a.t.Errorf("fill in %q of %q", left, line)
		}
	}
	return commands
}

// walks runs commands in a copy of the repository, as a reader of the page does.
func (a *account) walks(commands, answers string, env ...string) (said, asked string, ok bool) {
	a.t.Helper()
	os.Remove(filepath.Join(a.dir, "bin/log"))
	cmd := exec.CommandContext(a.t.Context(), "sh", "-eux", "-c", commands)
	cmd.Dir, cmd.Stdin = a.dir, strings.NewReader(answers)
	cmd.Env = append(append(a.environ(), "FRONT="+a.front.URL, "BELLHOP="+filepath.Join(a.dir, "bin/bellhop"),
		"PATIENCE=60"), env...)
	out, err := cmd.CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(a.dir, "bin/log"))
	return string(out), string(log), err == nil
}

// TestThePage runs each command of the page, in its order, in an account that was empty, and then its owner's
// phone rings.
func TestThePage(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.write("bin/says/rds.describe-db-snapshots", "available\tpostgres\tbellhop\tTrue\t20\t18.1\n")
	page, _ := thePage(t)
	var script strings.Builder
	for _, block := range shellBlock.FindAllStringSubmatch(page, -1) {
		commands := block[1]
		if strings.Contains(commands, "make aws-check") {
			continue // checks runs it
		}
		if strings.Contains(commands, "dead show ID") {
			script.WriteString(makeDeadLetters)
		}
		script.WriteString(a.filledIn(token.ReplaceAllString(commands, "TOKEN=$$($0 | grep -o 'bh_t_[A-Za-z0-9_-]*')")))
	}
	script.WriteString("echo the token is $TOKEN\n")
	said, asked, ok := a.walks(script.String(), "bellhop\n")
	if !ok {
		t.Fatalf("%s\n%s", script.String(), said)
	}
	inOrder(t, asked, "cloudformation deploy --stack-name bellhop ", "Email=you@example.com", "Mode=standard",
		"logs tail /aws/lambda/bellhop-record", "acm request-certificate", "Domain=bellhop.example.com",
		"ec2-instance-connect ssh --instance-id i-1", "put-function-concurrency", "PostgresVersion=18",
		"cloudformation deploy --stack-name staging", "iam create-policy", "iam create-role --role-name deploy-staging",
		"delete-stack --stack-name bellhop ", "DatabaseSnapshot=bellhop-snapshot-database-1abc")
	for _, file := range []string{"policy.json", "trust.json"} {
		text := readText(t, filepath.Join(a.dir, file))
		if !json.Valid([]byte(text)) || regexp.MustCompile(`ACCOUNT|REGION|STACK|OWNER|REPOSITORY`).MatchString(text) {
			t.Errorf("%s is %s", file, text)
		}
	}
	_, bearer, _ := strings.Cut(said, "\nthe token is ")
	bearer, _, _ = strings.Cut(bearer, "\n")
	a.rings(bearer)
}

// token finds the command that makes a token, whose output the reader copies.
var token = regexp.MustCompile(`(?m)^sudo as-bellhop token create .*$`)

// makeDeadLetters makes two, and waits for them.
const makeDeadLetters = `
for seed in 1 2; do
	BELLHOP_SHOPIFY_SECRET=hush bellhop simulate shopify --target "$FRONT" --shop your-shop.myshopify.com \
		--orders 2 --poison 50% --seed $seed --time-scale 0.001
done
dead() { as-bellhop dead ls --json | grep -o '"id":"[^"]*"' | cut -d '"' -f 4 | sed -n "$1p"; }
until second=$(dead 2) && [ -n "$second" ]; do :; done
first=$(dead 1)
`

// rings sends an order, and waits until its push has gone to the reader's phone.
func (a *account) rings(bearer string) {
	a.t.Helper()
	said, _, ok := a.walks(`BELLHOP_SHOPIFY_SECRET=hush bellhop simulate shopify --target "$FRONT" `+
		"--shop your-shop.myshopify.com --orders 1 --seed 11", "")
	if !ok {
		a.t.Fatal(said)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		r, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, a.front.URL+"/v1/pushes?status=sent", nil)
		if err != nil {
			a.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+bearer)
		answer, err := a.front.Client().Do(r)
		if err != nil {
			a.t.Fatal(err)
		}
		var page struct {
			Pushes []struct{ Device, Status string }
		}
		err = json.NewDecoder(answer.Body).Decode(&page)
		answer.Body.Close()
		if err == nil && len(page.Pushes) > 0 {
			if p := page.Pushes[0]; p.Device != "first-phone" {
				a.t.Errorf("the push went to %+v", p)
			}
			return
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("the phone does not ring: %v, %v", answer.Status, err)
		}
	}
}

// TestTheCommandsThatWouldShowIt runs what would show the rest on AWS, but for the check itself.
func TestTheCommandsThatWouldShowIt(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	_, rest := thePage(t)
	found := codeSpan.FindAllStringSubmatch(rest, -1)
	if len(found) < 10 {
		t.Errorf("there are %d commands", len(found))
	}
	for _, m := range found {
		if command := m[1]; !strings.HasPrefix(command, "make aws-check") {
			_, name, _ := strings.Cut(command+" STACK=bellhop", "STACK=")
			name, _, _ = strings.Cut(name, " ")
			if said, asked, ok := a.walks(a.filledIn(command), name+"\n"); !ok || asked == "" {
				t.Errorf("%s: %s", command, said)
			}
		}
	}
}
