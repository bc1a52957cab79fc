package aws_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stubAWS stands in for the aws command: it writes down its calls, one a line, and answers as AWS
// would. Of two folders beside it, "says" has other answers and "refuses" has errors, each by the call's
// first two words; "stack" has the stack's status, "queues" the names of queues that are left, "parameters" the
// stack's parameters by their names. What is put into a bucket is in "archive".
const stubAWS = `#!/bin/sh
here=$(dirname "$0")
for word; do
	case $word in
	file*://*)
		cp "${word#*://}" "$here/sent-$(basename "$word")"
		word="<$(tr -s '\n' ' ' <"${word#*://}")>" ;;
	/aws/*) ;;
	/*) word=FILE ;;
	esac
	printf '%s ' "$word"
done >>"$here/log"
echo >>"$here/log"
for last; do :; done
call=$1.$2
case $call in *describe-stack-resource) call=$call.$6 ;; esac
if [ -e "$here/refuses/$call" ]; then cat "$here/refuses/$call" >&2; exit 254; fi
if [ -e "$here/says/$call" ]; then cat "$here/says/$call"; exit; fi
refuse() { echo "
An error occurred ($1) when calling the $2 operation: $3" >&2; exit 254; }
gone() { refuse ValidationError DescribeStacks "Stack with id bellhop does not exist"; }
case "$*" in
--version) echo aws-cli/2.31.0 ;;
"sts get-caller-identity"*) echo 000000000000 ;;
*StackStatus*) [ -s "$here/stack" ] || gone; cat "$here/stack" ;;
*"Stacks[0].Parameters"*) cat "$here/parameters" ;;
"ec2 describe-instance-types"*) echo arm64 ;;
"ec2 describe-managed-prefix-lists"*) echo pl-1 ;;
"ssm get-parameter"*) echo ami-1 ;;
"acm describe-certificate"*) printf 'ISSUED\t*.example.com\n' ;;
"route53 get-hosted-zone"*) echo example.com. ;;
"s3api put-object"*) cp "$last" "$here/archive" ;;
*"OutputKey=='"*) echo "$*" | sed "s/.*OutputKey=='\([A-Za-z]*\)'.*/the\1/" ;;
*describe-stack-resource*) [ -s "$here/stack" ] || gone; printf 'CREATE_COMPLETE\tthe%s\n' "$6" ;;
"secretsmanager get-secret-value"*) echo ` + serverKey + ` ;;
"rds describe-db-instances"*) printf 'available\tTrue\n' ;;
"sqs get-queue-url"*)
	grep -qsx "$4" "$here/queues" ||
		refuse AWS.SimpleQueueService.NonExistentQueue GetQueueUrl "The specified queue does not exist."
	echo "https://sqs/0/$4" ;;
"s3api head-bucket --bucket bellhop-bodies-locked"*) refuse 403 HeadBucket Forbidden ;;
"s3api head-bucket"*) [ -s "$here/stack" ] || refuse 404 HeadBucket "Not Found" ;;
"s3api list-buckets"*) echo None ;;
"stepfunctions validate"*) echo OK ;;
"cloudformation package"*)
	printf 'Code:\n  S3Bucket: b\n  S3Key: %s/abc\nMachine:\n  Key: %s/def\n' "$8" "$8" >"$last" ;;
"lambda invoke"*)
	if [ -s "$here/detached" ]; then
		why=$(head -n 1 "$here/detached") && sed -i 1d "$here/detached"
		refuse "$why" Invoke "Wait and try again."
	fi
	if [ -e "$here/fails" ]; then
		echo '{"errorType":"bellhop.Unavailable"}' >"$last"; echo Unhandled
	else
		echo '{"applied":1,"shops_added":1}' >"$last"; echo None
	fi ;;
"sqs get-queue-attributes"*) cat "$here/messages" ;;
esac
`

// stackParameters are those of the stack that is there, unless a test says otherwise.
const stackParameters = "PostgresVersion\t16\nDatabaseClass\tdb.t4g.micro\nConsumers\t4\nMode\texpress\n" +
	"RecordConcurrency\t0\nExtendedSupport\toff\nZoneA\teu-west-1a\nZoneB\teu-west-1c\nEmail\t\n"

// stubSleep writes down how long it would sleep.
const stubSleep = `#!/bin/sh
echo "sleep $*" >>"$(dirname "$0")/log"
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
	for _, name := range []string{"deploy.sh", "account.sh", "destroy.sh", "check.sh", "stack.sh", "server.sh",
		"bellhop.yaml", "statemachine.asl.json", "server/*", "../systemd/bellhop-serve@.service",
		"../systemd/sysusers.conf"} {
		found, err := filepath.Glob(name)
		if err != nil || found == nil {
			t.Fatalf("there is no %s", name)
		}
		for _, file := range found {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s.write(filepath.Join("aws", file), string(text))
		}
	}
	s.write("bin/aws", stubAWS)
	s.write("bin/sleep", stubSleep)
	s.write("bin/messages", "0\t0\t0\n")
	s.write("bin/parameters", stackParameters)
	s.write("bin/says/ec2.describe-vpcs", "4\n")
	s.write("bin/says/service-quotas.get-service-quota", "5.0\n")
	s.write("bin/says/lambda.get-account-settings", "1000\t1000\n")
	s.write("bin/says/ec2.describe-availability-zones", "eu-west-1a\teuw1-az3\neu-west-1b\teuw1-az1\n"+
		"eu-west-1c\teuw1-az2\n")
	s.write("bin/says/ec2.describe-vpc-endpoint-services", "eu-west-1a\teu-west-1b\teu-west-1c\n")
	s.write("bin/says/ec2.describe-instance-type-offerings", "eu-west-1c\teu-west-1a\n")
	s.write("bin/says/rds.describe-orderable-db-instance-options", "eu-west-1a\teu-west-1c\teu-west-1b\teu-west-1a\n"+
		"eu-west-1a\teu-west-1c\teu-west-1b\n") // one for each version, a page a line
	s.write("bootstrap", "the function")
	s.write("server", "the server")
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
	cmd.Env = append(s.environ(), env...)
	out, err := cmd.CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(s.dir, "bin/log"))
	return string(out), string(log), err == nil
}

func (s scripts) environ() []string {
	return []string{"PATH=" + filepath.Join(s.dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + s.dir,
		"AWS_REGION=eu-west-1",
		"BELLHOP_BOOTSTRAP=" + filepath.Join(s.dir, "bootstrap"),
		"BELLHOP_SERVER=" + filepath.Join(s.dir, "server")}
}

// deployBucket is where the scripts put code, by the stub's account.
const deployBucket = "bellhop-deploy-000000000000-eu-west-1"

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
	inOrder(t, asked, "validate-state-machine-definition --type STANDARD", "s3 mb s3://"+deployBucket,
		"cloudformation package", "cloudformation deploy --stack-name bellhop", "--capabilities CAPABILITY_IAM",
		"--parameter-overrides Mode=standard ZoneA=eu-west-1a ZoneB=eu-west-1c RecordConcurrency=20 Consumers=8 "+
			"MultiAZ=true DatabaseProtection=false",
		"cloudformation deploy --stack-name bellhop", "--parameter-overrides DatabaseProtection=true",
		"put-secret-value --secret-id theShopifySecret --secret-string <hush>",
		"put-secret-value --secret-id thePushSecret --secret-string <{",
		"lambda invoke --function-name bellhop-migrate --payload "+
			`<{"shops":["a.myshopify.com","b.myshopify.com"],"analyze":false}>`)
	if strings.Contains(asked, "update-function-code") {
		t.Errorf("it updates a missing stack:\n%s", asked)
	}
	if !strings.Contains(said, "theWebhookURL") || strings.Contains(said, "hush") {
		t.Errorf("it says:\n%s", said)
	}
}

// TestDeployGivesShopsTheirSecrets: by migrate, which keeps them in the database, too.
func TestDeployGivesShopsTheirSecrets(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	s.write("shops.json", "{ \"a.myshopify.com\": \"hush\",\n  \"b-1.myshopify.com\": \"new,old\" }\n")
	said, asked, ok := s.run("deploy.sh", "SHOP_SECRETS_FILE="+filepath.Join(s.dir, "shops.json"))
	if !ok || strings.Contains(said, "hush") {
		t.Fatal(said)
	}
	inOrder(t, asked, "cloudformation deploy", `"shop_secrets":{ "a.myshopify.com": "hush",`)
	for _, text := range []string{`["hush"]`, `{"a.example.org":"hush"}`, `{"a.myshopify.com":"hush",}`,
		`{"a.myshopify.com":{"secret":"hush"}}`, `{"a.myshopify.com":"hu\"sh"}`, "hush",
		`{"a.myshopify.com":"` + strings.Repeat("x", 65_536) + `"}`} {
		s.write("shops.json", text)
		said, asked, ok := s.run("deploy.sh", "SHOP_SECRETS_FILE="+filepath.Join(s.dir, "shops.json"))
		if ok || !strings.Contains(said, "SHOP_SECRETS_FILE ") || strings.Contains(asked, "cloudformation") ||
			strings.Count(said, "\n") != 1 || strings.Contains(said, "hush") {
			t.Errorf("%.40s: %v, %q, asked %q", text, ok, said, asked)
		}
	}
}

// TestDeployPutsTheKeyIn before anything opens the database with it: a database from a snapshot has secrets that the
// key of before sealed.
func TestDeployPutsTheKeyIn(t *testing.T) {
	s := copyScripts(t)
	file := "KEY_FILE=" + filepath.Join(s.dir, "key")
	s.write("key", serverKey+"\n")
	s.write("bin/says/cloudformation.describe-stack-resource.KeySecret", "CREATE_COMPLETE\ttheKeySecret\n")
	const put = "put-secret-value --secret-id theKeySecret --secret-string <"
	said, asked, ok := s.run("deploy.sh", file, "SERVER=off")
	if !ok || strings.Contains(said, serverKey) || strings.Count(asked, put) != 1 ||
		strings.Contains(asked, "update-function-code") {
		t.Errorf("a new stack: %v, %s, asked %s", ok, said, asked)
	}
	inOrder(t, asked, "cloudformation deploy", put+serverKey+">", "lambda invoke")

	s.write("bin/stack", "UPDATE_COMPLETE\n")
	const two = serverKey + ", AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
	s.write("key", two)
	said, asked, ok = s.run("deploy.sh", file)
	if !ok || strings.Count(asked, put) != 1 {
		t.Errorf("two keys: %v, %s, asked %s", ok, said, asked)
	}
	inOrder(t, asked, put+strings.ReplaceAll(strings.TrimSpace(two), " ", "")+">", "lambda invoke",
		"update-function-code --function-name bellhop-sweep", "wait function-updated --function-name bellhop-sweep",
		"cloudformation deploy")
	for _, text := range []string{"hush", serverKey[1:], serverKey + "," + serverKey + "," + serverKey} {
		s.write("key", text)
		said, asked, ok := s.run("deploy.sh", file)
		if ok || !strings.Contains(said, "KEY_FILE holds no key") || strings.Contains(said, text) ||
			strings.Contains(asked, "cloudformation") {
			t.Errorf("%s: %v, %q, asked %q", text, ok, said, asked)
		}
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
	inOrder(t, asked, "update-function-code --function-name bellhop-migrate --s3-bucket "+deployBucket+
		" --s3-key bellhop/code/abc",
		"lambda wait function-updated", "lambda invoke", "<{}>", "cloudformation deploy", "lambda invoke")
	if strings.Contains(asked, "--parameter-overrides") || strings.Contains(asked, "put-secret-value") {
		t.Errorf("it changes settings that were not given:\n%s", asked)
	}
	s.write("bin/fails", "")
	said, asked, ok = s.run("deploy.sh")
	if ok || strings.Contains(asked, "cloudformation deploy") || !strings.Contains(said, "bellhop.Unavailable") {
		t.Errorf("after a migration that failed: %v\n%s%s", ok, said, asked)
	}
}

// TestDeployWaitsForMigrate calls a function that Lambda has detached from the network.
func TestDeployWaitsForMigrate(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	s.write("bin/detached", strings.Repeat("ResourceNotReadyException\n", 8)+
		strings.Repeat("ENINotReadyException\n", 8)+strings.Repeat("ResourceConflictException\n", 2))
	said, asked, ok := s.run("deploy.sh")
	if n := strings.Count(asked, "sleep 5\n"); !ok || n != 18 || strings.Count(said, "attached migrate") != 1 {
		t.Errorf("%v after %d waits: %s", ok, n, said)
	}
	s.write("bin/detached", strings.Repeat("ResourceNotReadyException\n", 100))
	said, asked, ok = s.run("deploy.sh")
	if n := strings.Count(asked, "sleep 5\n"); ok || n != 18 || strings.Contains(asked, "cloudformation deploy") ||
		!strings.Contains(said, "migrate can't be called: An error occurred (ResourceNotReadyException)") {
		t.Errorf("%v after %d waits: %s", ok, n, said)
	}
	s.write("bin/detached", "AccessDeniedException\n")
	said, asked, ok = s.run("deploy.sh")
	if ok || strings.Contains(asked, "sleep") ||
		!strings.Contains(said, "migrate can't be called: An error occurred (Acc") {
		t.Errorf("%v: %s, asked %s", ok, said, asked)
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
		"BELLHOP_BOOTSTRAP=/nowhere":                 "'/nowhere' is missing or empty",
		"EMAIL=me":                                   "EMAIL is 'me'",
		"EMAIL=a@b,c@d":                              "give one address",
		"PARAMETERS=Consumer=8":                      "'Consumer=8' in PARAMETERS sets no parameter",
		"PARAMETERS=Consumers":                       "give NAME=VALUE",
		"IMPORT=maybe":                               "IMPORT is 'maybe'",
		"SERVER=on":                                  "SERVER is 'on'",
		"SERVER=t4g.":                                "SERVER is 't4g.'",
		"DOMAIN=https://example.com":                 "give a name such as bellhop.example.com",
		"CERTIFICATE=arn:aws:acm:eu-west-1:0:c/1":    "give the ARN of a certificate in us-east-1",
		"PARAMETERS=ServerSide=a":                    "ServerSide can't be in PARAMETERS",
		"BELLHOP_SERVER=/nowhere":                    "'/nowhere' is missing or empty",
		"AWS_REGION=":                                "no region is set",
	} {
		said, asked, ok := s.run("deploy.sh", env)
		if ok || !strings.Contains(said, want) || strings.Contains(asked, "deploy") || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: %v, %q, asked %q", env, ok, said, asked)
		}
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
	inOrder(t, asked, "wait db-instance-available",
		"modify-db-instance --db-instance-identifier theDatabase --no-deletion-protection",
		"delete-stack", "wait stack-delete-complete", "delete-queue --queue-url theOrdersQueue",
		"delete-queue --queue-url theDeadLetters", "delete-bucket --bucket theBodies --expected-bucket-owner 000000000000",
		"s3 rm s3://"+deployBucket+"/bellhop/ --recursive", "sleep 60")
	inOrder(t, said, "KEY_FILE=FILE", "its key stays", "get-secret-value --secret-id theKeySecret ")
}

func TestDestroyLeavesAQueueWithOrders(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	s.write("bin/messages", "3\t0\t1\n")
	s.write("bin/refuses/s3api.delete-bucket", "An error occurred (BucketNotEmpty) when calling DeleteBucket\n")
	said, asked, ok := s.run("destroy.sh", "CONFIRM=bellhop")
	if !ok || strings.Contains(asked, "delete-queue") || strings.Contains(asked, "sleep") {
		t.Errorf("%v: it asked\n%s", ok, asked)
	}
	inOrder(t, said, "the queue theOrdersQueue holds 4 messages", "API and console go",
		"the queue theOrdersQueue stays, with 4 messages",
		"the bucket theBodies stays")
}
