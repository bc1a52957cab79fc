package aws_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stubAWS stands in for the aws command: it writes down its calls, one a line, and answers as AWS
// would. The files "stack", "refuses" and "messages" beside it say what exists.
const stubAWS = `#!/bin/sh
here=$(dirname "$0")
for word; do
	case $word in
	file*://*) word="<$(cat "${word#*://}")>" ;;
	/*) word=FILE ;;
	esac
	printf '%s ' "$word"
done >>"$here/log"
echo >>"$here/log"
for last; do :; done
case "$*" in
"sts get-caller-identity"*) echo 000000000000 ;;
*StackStatus*) [ -s "$here/stack" ] || exit 254; cat "$here/stack" ;;
*"OutputKey=='"*) echo "$*" | sed "s/.*OutputKey=='\([A-Za-z]*\)'.*/the\1/" ;;
"s3api head-bucket"*) [ -s "$here/stack" ] ;;
"cloudformation package"*) printf 'Code:\n  S3Bucket: b\n  S3Key: bellhop/abc\n' >"$last" ;;
"lambda invoke"*)
	if [ -e "$here/refuses" ]; then
		echo '{"errorType":"bellhop.Unavailable"}' >"$last"; echo Unhandled
	else
		echo '{"applied":1,"shops_added":1}' >"$last"; echo None
	fi ;;
"sqs get-queue-attributes"*) cat "$here/messages" ;;
esac
`

// scripts is a copy of the scripts with the stub in their path.
type scripts struct {
	t   *testing.T
	dir string
}

func copyScripts(t *testing.T) scripts {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh")
	}
	s := scripts{t, t.TempDir()}
	for _, name := range []string{"deploy.sh", "destroy.sh", "bellhop.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s.write(filepath.Join("aws", name), string(text))
	}
	s.write("bin/aws", stubAWS)
	s.write("bin/messages", "0\t0\t0\n")
	s.write("bootstrap", "the function")
	s.write("aws/build/rds.pem", "-----BEGIN CERTIFICATE-----\n")
	s.write("secret", "hush\n")
	s.write("sa.json", `{"private_key":"k"}`)
	return s
}

func (s scripts) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a script and returns its output, its calls of AWS, and whether it succeeded.
func (s scripts) run(script string, env ...string) (said, asked string, ok bool) {
	s.t.Helper()
	os.Remove(filepath.Join(s.dir, "bin/log"))
	cmd := exec.CommandContext(s.t.Context(), "sh", filepath.Join(s.dir, "aws", script))
	cmd.Env = append([]string{"PATH=" + filepath.Join(s.dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + s.dir,
		"AWS_REGION=eu-west-1",
		"BELLHOP_BOOTSTRAP=" + filepath.Join(s.dir, "bootstrap")}, env...)
	out, err := cmd.CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(s.dir, "bin/log"))
	return string(out), string(log), err == nil
}

// inOrder fails unless the words come one after the other.
func inOrder(t *testing.T, text string, words ...string) {
	t.Helper()
	rest := text
	for _, w := range words {
		_, after, found := strings.Cut(rest, w)
		if !found {
			t.Errorf("%q is not there, or not in its place, in:\n%s", w, text)
			return
		}
		rest = after
	}
}

func TestDeployTheFirstTime(t *testing.T) {
	s := copyScripts(t)
	said, asked, ok := s.run("deploy.sh", "MODE=standard", "SHOPS=a.myshopify.com b.myshopify.com",
		"PARAMETERS=Consumers=8 MultiAZ=true",
		"SHOPIFY_SECRET_FILE="+filepath.Join(s.dir, "secret"), "FCM_FILE="+filepath.Join(s.dir, "sa.json"))
	if !ok {
		t.Fatal(said)
	}
	inOrder(t, asked, "s3 mb s3://bellhop-deploy-000000000000-eu-west-1", "cloudformation package",
		"cloudformation deploy --stack-name bellhop", "--capabilities CAPABILITY_IAM",
		"--parameter-overrides Mode=standard Consumers=8 MultiAZ=true",
		"put-secret-value --secret-id theShopifySecret --secret-string <hush>",
		"put-secret-value --secret-id thePushSecret --secret-string <{",
		`lambda invoke --function-name bellhop-migrate --payload <{"shops":["a.myshopify.com","b.myshopify.com"]}>`)
	if strings.Contains(asked, "update-function-code") {
		t.Errorf("it updates a missing stack:\n%s", asked)
	}
	if !strings.Contains(said, "theWebhookURL") || strings.Contains(said, "hush") {
		t.Errorf("it says:\n%s", said)
	}
}

// TestDeployMigratesBeforeTheCode shows that old code meets the new schema, never the other way round.
func TestDeployMigratesBeforeTheCode(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	said, asked, ok := s.run("deploy.sh")
	if !ok {
		t.Fatal(said)
	}
	inOrder(t, asked, "update-function-code --function-name bellhop-migrate --s3-bucket "+
		"bellhop-deploy-000000000000-eu-west-1 --s3-key bellhop/abc",
		"lambda wait function-updated", "lambda invoke", "<{}>", "cloudformation deploy", "lambda invoke")
	if strings.Contains(asked, "--parameter-overrides") || strings.Contains(asked, "put-secret-value") {
		t.Errorf("it changes settings that were not given:\n%s", asked)
	}
	s.write("bin/refuses", "")
	said, asked, ok = s.run("deploy.sh")
	if ok || strings.Contains(asked, "cloudformation deploy") || !strings.Contains(said, "bellhop.Unavailable") {
		t.Errorf("after a migration that failed: %v\n%s%s", ok, said, asked)
	}
}

func TestDeployRefuses(t *testing.T) {
	s := copyScripts(t)
	s.write("empty", "")
	for env, want := range map[string]string{
		"STACK=Bellhop":                              "STACK is 'Bellhop'",
		"STACK=" + strings.Repeat("a", 32):           "at most 31",
		"MODE=fast":                                  "MODE is 'fast'",
		"SHOPS=a.example.org":                        "'a.example.org' in SHOPS is no shop",
		`SHOPS=a","b.myshopify.com`:                  "is no shop",
		"FCM_FILE=" + filepath.Join(s.dir, "secret"): "no private_key",
		"SHOPIFY_SECRET_FILE=/nowhere":               "'/nowhere' is missing or empty",
		"FCM_FILE=" + filepath.Join(s.dir, "empty"):  "is missing or empty",
	} {
		said, asked, ok := s.run("deploy.sh", env)
		if ok || !strings.Contains(said, want) || strings.Contains(asked, "deploy") || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: %v, %q, asked %q", env, ok, said, asked)
		}
	}
	s.write("bin/stack", "ROLLBACK_COMPLETE\n")
	if said, _, ok := s.run("deploy.sh"); ok || !strings.Contains(said, "run make destroy-aws STACK=bellhop") {
		t.Errorf("over a stack that failed: %v, %q", ok, said)
	}
}

func TestDestroyAsksFirst(t *testing.T) {
	s := copyScripts(t)
	if said, _, ok := s.run("destroy.sh"); ok || !strings.Contains(said, "there is no stack bellhop") {
		t.Errorf("without a stack: %v, %q", ok, said)
	}
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	for _, env := range []string{"CONFIRM=", "CONFIRM=other"} {
		said, asked, ok := s.run("destroy.sh", env)
		if ok || !strings.Contains(said, "nothing was done") || strings.Contains(asked, "delete") ||
			strings.Contains(asked, "modify") {
			t.Errorf("%s: %v, %q, asked %q", env, ok, said, asked)
		}
	}
	said, asked, ok := s.run("destroy.sh", "CONFIRM=bellhop")
	if !ok {
		t.Fatal(said)
	}
	inOrder(t, asked, "modify-db-instance --db-instance-identifier theDatabaseIdentifier --no-deletion-protection",
		"delete-stack",
		"wait stack-delete-complete", "delete-queue --queue-url theQueueURL",
		"delete-queue --queue-url theDeadLettersURL")
}

func TestDestroyLeavesAQueueWithOrders(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	s.write("bin/messages", "3\t0\t1\n")
	said, asked, ok := s.run("destroy.sh", "CONFIRM=bellhop")
	if !ok || strings.Contains(asked, "delete-queue") {
		t.Errorf("%v: it asked\n%s", ok, asked)
	}
	inOrder(t, said, "4 orders wait in the queue, and 4 are dead letters",
		"the queue theQueueURL stays, with 4 messages")
}
