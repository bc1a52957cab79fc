package aws_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// refuse makes a call of AWS fail, as AWS says it.
func (s scripts) refuse(call, code, words string) {
	s.write("bin/refuses/"+call, "\nAn error occurred ("+code+") when calling the operation: "+words+"\n")
}

// mustRefuse runs a script that has to end with one line about what is wrong, and to leave all as it is.
func (s scripts) mustRefuse(why, want, script string, env ...string) {
	s.t.Helper()
	said, asked, ok := s.run(script, env...)
	if ok || !strings.Contains(said, want) || strings.Count(said, "\n") != 1 {
		s.t.Errorf("%s: %s ends with %v and says %q; want %q", why, script, ok, said, want)
	}
	for call := range strings.Lines(asked) {
		words := strings.Fields(call)
		if len(words) > 1 && !slices.ContainsFunc([]string{"describe-", "get-", "head-", "list-", "validate-"},
			func(reads string) bool { return strings.HasPrefix(words[1], reads) }) && words[0] != "configure" {
			s.t.Errorf("%s: %s asks for %q", why, script, call)
		}
	}
}

// TestScriptsTellAMissingStackFromATrouble shows that only "does not exist" means that there is no stack. Else an
// update without its migration would follow.
func TestScriptsTellAMissingStackFromATrouble(t *testing.T) {
	for code, words := range map[string]string{
		"AccessDenied": "User: x is not authorized to perform: cloudformation:DescribeStacks",
		"ExpiredToken": "The security token included in the request is expired",
		"Throttling":   "Rate exceeded",
	} {
		s := copyScripts(t)
		s.refuse("cloudformation.describe-stacks", code, words)
		s.mustRefuse(code, "can't look for the stack bellhop: An error occurred ("+code+")", "deploy.sh")
		s.mustRefuse(code, words, "destroy.sh", "CONFIRM=bellhop")
	}
	s := copyScripts(t)
	s.refuse("sts.get-caller-identity", "InvalidClientTokenId", "The security token included in the request is invalid")
	s.mustRefuse("wrong keys", "can't sign in", "deploy.sh")
	s.mustRefuse("wrong keys", "can't sign in", "destroy.sh", "CONFIRM=bellhop")
	s.mustRefuse("no region", "no region is set", "destroy.sh", "CONFIRM=bellhop", "AWS_REGION=")
	s.write("bin/says/--version.", "aws-cli/1.45.11 Python/3.11.7\n")
	s.mustRefuse("the old command", "version 1", "deploy.sh")
	s = copyScripts(t)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	s.refuse("cloudformation.describe-stack-resource.Migrate", "AccessDenied", "not authorized")
	s.mustRefuse("a resource may not be looked at", "can't look for Migrate", "deploy.sh")
}

func TestDeployLooksAtTheStacksState(t *testing.T) {
	s := copyScripts(t)
	for status, want := range map[string]string{
		"ROLLBACK_COMPLETE":                   "run make destroy-aws STACK=bellhop",
		"ROLLBACK_FAILED":                     "run make destroy-aws STACK=bellhop",
		"DELETE_FAILED":                       "run make destroy-aws STACK=bellhop",
		"IMPORT_ROLLBACK_COMPLETE":            "run make destroy-aws STACK=bellhop",
		"UPDATE_ROLLBACK_FAILED":              "continue-update-rollback --stack-name bellhop",
		"UPDATE_IN_PROGRESS":                  "wait until that is over",
		"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "wait until that is over",
	} {
		s.write("bin/stack", status+"\n")
		s.mustRefuse(status, want, "deploy.sh")
	}
	s.write("bin/stack", "DELETE_IN_PROGRESS\n")
	s.mustRefuse("while it is deleted", "wait until that is over", "destroy.sh", "CONFIRM=bellhop")

	s.write("bin/stack", "REVIEW_IN_PROGRESS\n")
	s.mustRefuse("under review", "there is no stack bellhop", "destroy.sh", "CONFIRM=bellhop")
	said, asked, ok := s.run("deploy.sh")
	if !ok || strings.Contains(asked, "update-function-code") {
		t.Errorf("over a stack under review: %v\n%s%s", ok, said, asked)
	}
	// An import has been there, and no deployment since.
	s.write("bin/stack", "IMPORT_COMPLETE\n")
	s.refuse("cloudformation.describe-stack-resource.Migrate", "ValidationError",
		"Resource Migrate does not exist for stack bellhop")
	said, asked, ok = s.run("deploy.sh")
	if !ok || strings.Contains(asked, "update-function-code") || !strings.Contains(asked, "cloudformation deploy") {
		t.Errorf("over an imported stack: %v\n%s%s", ok, said, asked)
	}
}

// TestDestroyAfterAFailedDeployment takes down what a first deployment left that failed: such a stack has no
// outputs, and its rollback stopped at the protected database.
func TestDestroyAfterAFailedDeployment(t *testing.T) {
	failed := func() scripts {
		s := copyScripts(t)
		s.write("bin/stack", "ROLLBACK_FAILED\n")
		for _, deleted := range []string{"OrdersQueue", "Bodies", "KeySecret"} {
			s.write("bin/says/cloudformation.describe-stack-resource."+deleted, "DELETE_COMPLETE\tbellhop-"+deleted+"\n")
		}
		s.refuse("cloudformation.describe-stack-resource.DeadLetters", "ValidationError",
			"Resource DeadLetters does not exist for stack bellhop")
		s.write("bin/says/cloudformation.describe-stack-resource.Database", "DELETE_FAILED\tbellhop-database-1\n")
		return s
	}
	s := failed()
	said, asked, ok := s.run("destroy.sh", "CONFIRM=bellhop")
	if !ok || strings.Contains(asked, "OutputKey") || strings.Contains(asked, "sqs") ||
		strings.Contains(asked, "theBodies") {
		t.Errorf("%v\n%s%s", ok, said, asked)
	}
	inOrder(t, asked, "rds wait db-instance-available --db-instance-identifier bellhop-database-1",
		"rds modify-db-instance --db-instance-identifier bellhop-database-1 --no-deletion-protection",
		"rds wait db-instance-available", "delete-stack --stack-name bellhop", "wait stack-delete-complete")

	s.refuse("rds.describe-db-instances", "DBInstanceNotFound", "DBInstance bellhop-database-1 not found.")
	said, asked, ok = s.run("destroy.sh", "CONFIRM=bellhop")
	if !ok || strings.Contains(asked, "modify-db-instance") || strings.Contains(said, "database") {
		t.Errorf("with the database gone: %v\n%s%s", ok, said, asked)
	}

	s = failed()
	s.write("bin/says/rds.describe-db-instances", "available\tFalse\n")
	if said, asked, ok = s.run("destroy.sh", "CONFIRM=bellhop"); !ok || strings.Contains(asked, "modify-db-instance") ||
		!strings.Contains(said, "the database bellhop-database-1 is deleted") {
		t.Errorf("with the protection off: %v\n%s%s", ok, said, asked)
	}
	s.write("bin/says/rds.describe-db-instances", "stopped\tTrue\n")
	s.mustRefuse("a stopped database", "aws rds start-db-instance --db-instance-identifier bellhop-database-1",
		"destroy.sh", "CONFIRM=bellhop")
	s.refuse("rds.describe-db-instances", "AccessDenied", "not authorized")
	s.mustRefuse("a hidden database", "can't look at the database: An error", "destroy.sh", "CONFIRM=bellhop")
}

func TestAFailureSaysWhy(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/says/cloudformation.describe-stack-events", "Database\tnot enough storage\n")
	s.refuse("cloudformation.deploy", "ValidationError", "Failed to create/update the stack.")
	said, asked, ok := s.run("deploy.sh")
	if ok || strings.Count(asked, "cloudformation deploy") != 1 || strings.Contains(asked, "s3 rm") {
		t.Errorf("%v, it asked\n%s", ok, asked)
	}
	inOrder(t, said, "Database\tnot enough storage", "deploy-aws: the deployment failed")

	s.write("bin/stack", "UPDATE_COMPLETE\n")
	s.refuse("cloudformation.wait", "Waiter", "DELETE_FAILED")
	said, asked, ok = s.run("destroy.sh", "CONFIRM=bellhop")
	if ok || strings.Contains(asked, "delete-queue") || strings.Contains(asked, "delete-bucket") {
		t.Errorf("%v, it asked\n%s", ok, asked)
	}
	inOrder(t, said, "Database\tnot enough storage", "destroy-aws: it is not gone yet")
}

// TestDestroyFreesTheNetwork deletes CloudFront's group, which keeps the network from going, and tries again.
func TestDestroyFreesTheNetwork(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	s.refuse("cloudformation.wait", "Waiter", "DELETE_FAILED")
	s.write("bin/says/ec2.describe-security-groups", "None\n")
	if said, asked, ok := s.run("destroy.sh", "CONFIRM=bellhop"); ok || strings.Count(asked, "delete-stack") != 1 {
		t.Errorf("without the group: %v\n%s%s", ok, said, asked)
	}
	s.write("bin/says/ec2.describe-security-groups", "sg-1\n")
	_, asked, _ := s.run("destroy.sh", "CONFIRM=bellhop")
	inOrder(t, asked, "delete-stack", "stack-delete-complete", "describe-security-groups",
		"Name=vpc-id,Values=theVpc Name=group-name,Values=CloudFront-VPCOrigins-Service-SG",
		"delete-security-group --group-id sg-1", "delete-stack", "stack-delete-complete")
}

// left makes queues of an earlier stack, which hold four messages each.
func (s scripts) left(queues ...string) {
	s.write("bin/messages", "3\t0\t1\n")
	s.write("bin/queues", strings.Join(queues, "\n"))
}

func TestDeployFindsWhatAnEarlierStackLeft(t *testing.T) {
	s := copyScripts(t)
	s.left("bellhop-orders", "bellhop-orders-dead")
	s.mustRefuse("with old queues", "left queues with 8 messages; take them in with IMPORT=yes, or give another STACK",
		"deploy.sh")
	if said, asked, ok := s.run("deploy.sh", "STACK=staging"); !ok || strings.Contains(asked, "IMPORT") {
		t.Errorf("another stack: %v\n%s", ok, said)
	}
	s.write("bin/says/s3api.list-buckets", "bellhop-bodies-locked\n")
	s.mustRefuse("with a locked bucket", "can't look at the bucket bellhop-bodies-locked", "deploy.sh", "IMPORT=yes")
	s.refuse("sqs.get-queue-url", "AccessDenied", "not authorized")
	s.mustRefuse("with hidden queues", "can't look for the queue bellhop-orders: An error", "deploy.sh", "IMPORT=yes")
}

func TestDeployImports(t *testing.T) {
	for _, test := range []struct {
		queues    []string
		bodies    string
		resources string // name, type and identifier
	}{
		{[]string{"bellhop-orders"}, "None", "OrdersQueue AWS::SQS::Queue QueueUrl https://sqs/0/bellhop-orders"},
		{[]string{"bellhop-orders-dead"}, "bellhop-bodies-1", "DeadLetters AWS::SQS::Queue QueueUrl " +
			"https://sqs/0/bellhop-orders-dead, Bodies AWS::S3::Bucket BucketName bellhop-bodies-1"},
		{[]string{"bellhop-orders", "bellhop-orders-dead"}, "bellhop-bodies-1", "OrdersQueue AWS::SQS::Queue QueueUrl " +
			"https://sqs/0/bellhop-orders, DeadLetters AWS::SQS::Queue QueueUrl https://sqs/0/bellhop-orders-dead, " +
			"Bodies AWS::S3::Bucket BucketName bellhop-bodies-1"},
	} {
		s := copyScripts(t)
		s.left(test.queues...)
		s.write("bin/says/s3api.list-buckets", test.bodies+"\n")
		s.write("bin/says/s3api.head-bucket", "")
		said, asked, ok := s.run("deploy.sh", "IMPORT=yes")
		if !ok {
			t.Fatalf("%s%s", said, asked)
		}
		inOrder(t, asked, "create-change-set --stack-name bellhop --change-set-name import-", "--change-set-type IMPORT",
			"--tags Key=bellhop,Value=bellhop", "wait change-set-create-complete", "execute-change-set",
			"wait stack-import-complete", "cloudformation deploy", "lambda invoke")
		if got := s.imports(); got != test.resources {
			t.Errorf("%v: it imports %s; want %s", test.queues, got, test.resources)
		}
	}
}

// imports reads what the script asked CloudFormation to import, and holds its template against it: no more and no
// fewer resources, none of which an end of the stack deletes, under the names that the real template gives them.
func (s scripts) imports() string {
	s.t.Helper()
	read := func(name string, to any, parse func([]byte, any) error) {
		text, err := os.ReadFile(filepath.Join(s.dir, "bin", name))
		if err == nil {
			err = parse(text, to)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	var resources []struct {
		LogicalResourceID  string `json:"LogicalResourceId"`
		ResourceType       string
		ResourceIdentifier map[string]string
	}
	read("sent-left", &resources, json.Unmarshal)
	var small struct {
		Resources map[string]struct {
			Type           string            `yaml:"Type"`
			DeletionPolicy string            `yaml:"DeletionPolicy"`
			Properties     map[string]string `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	read("sent-left.yaml", &small, yaml.Unmarshal)
	if len(small.Resources) != len(resources) {
		s.t.Errorf("the template has %v, and %v are imported", small.Resources, resources)
	}
	tpl, all := readTemplate(s.t), []string{}
	for _, r := range resources {
		its, real := small.Resources[r.LogicalResourceID], tpl.Resources[r.LogicalResourceID]
		if its.Type != r.ResourceType || real.Type != r.ResourceType || its.DeletionPolicy != "Retain" {
			s.t.Errorf("%s is imported as %+v", r.LogicalResourceID, its)
		}
		name := strings.ReplaceAll(text(real.Properties["QueueName"]), "${AWS::StackName}", "bellhop")
		if real.Properties["QueueName"] != nil && name != `{"Fn::Sub":"`+its.Properties["QueueName"]+`"}` {
			s.t.Errorf("%s is imported as %s; the template replaces it by %s", r.LogicalResourceID, its.Properties, name)
		}
		for key, value := range r.ResourceIdentifier {
			all = append(all, r.LogicalResourceID+" "+r.ResourceType+" "+key+" "+value)
		}
	}
	return strings.Join(all, ", ")
}

func TestAnImportThatFails(t *testing.T) {
	s := copyScripts(t)
	s.left("bellhop-orders")
	s.refuse("cloudformation.execute-change-set", "InvalidChangeSetStatus", "cannot be executed")
	said, asked, ok := s.run("deploy.sh", "IMPORT=yes")
	if ok || strings.Contains(asked, "cloudformation deploy") || !strings.Contains(said, "the import failed") {
		t.Errorf("%v\n%s%s", ok, said, asked)
	}
}

// TestDeployBucket holds the bucket that the functions' code comes from: its name can be guessed.
func TestDeployBucket(t *testing.T) {
	s := copyScripts(t)
	s.refuse("s3api.head-bucket", "403", "Forbidden")
	s.mustRefuse("a bucket of others", "the bucket "+deployBucket+" belongs to another account", "deploy.sh")

	s = copyScripts(t)
	said, asked, ok := s.run("deploy.sh")
	if !ok {
		t.Fatal(said)
	}
	inOrder(t, asked, "head-bucket --bucket "+deployBucket+" --expected-bucket-owner 000000000000", "s3 mb",
		"put-public-access-block", "put-bucket-policy", "put-bucket-lifecycle-configuration",
		"package --template-file bellhop.yaml --s3-bucket "+deployBucket+" --s3-prefix bellhop/code",
		"--s3-prefix templates/bellhop", "s3 rm s3://"+deployBucket+"/bellhop/code/ --recursive --only-show-errors "+
			"--exclude abc --exclude def \n")
	for call := range strings.Lines(asked) {
		if strings.HasPrefix(call, "s3api") && !strings.Contains(call, "--expected-bucket-owner 000000000000") {
			t.Errorf("it does not say whose bucket: %s", call)
		}
	}
	if strings.Count(asked, "=true,")+strings.Count(asked, "=true ") != 4+1 { // the fifth is DatabaseProtection
		t.Errorf("it leaves the bucket open:\n%s", asked)
	}
	var policy struct{ Statement []map[string]any }
	var rules struct {
		Rules []struct {
			Status     string
			Filter     struct{ Prefix string }
			Expiration struct{ Days int }
		}
	}
	for name, to := range map[string]any{"over-tls": &policy, "expiry": &rules} {
		body, err := os.ReadFile(filepath.Join(s.dir, "bin/sent-"+name))
		if err == nil {
			err = json.Unmarshal(body, to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if deny := policy.Statement[0]; len(policy.Statement) != 1 || deny["Effect"] != "Deny" || deny["Principal"] != "*" ||
		text(deny["Resource"]) != `["arn:aws:s3:::`+deployBucket+`","arn:aws:s3:::`+deployBucket+`/*"]` ||
		text(deny["Condition"]) != `{"Bool":{"aws:SecureTransport":"false"}}` {
		t.Errorf("the policy is %v", policy)
	}
	for _, r := range rules.Rules {
		if r.Status != "Enabled" || r.Expiration.Days > 0 && r.Filter.Prefix != "templates/" {
			t.Errorf("%+v may delete code that a rollback needs", r)
		}
	}

	s.write("bin/refuses/s3.mb", "make_bucket failed: An error occurred (BucketAlreadyExists)\n")
	if said, asked, ok = s.run("deploy.sh"); ok || !strings.Contains(said, "can't make the bucket") ||
		strings.Contains(asked, "put-") {
		t.Errorf("somebody was faster: %v\n%s%s", ok, said, asked)
	}
}

func TestDeployHasTheStateMachineChecked(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/says/stepfunctions.validate-state-machine-definition", "FAIL\n/States/Record\tMISSING_TRANSITION\n")
	s.mustRefuse("a wrong definition",
		"the state machine is not valid for EXPRESS: FAIL /States/Record MISSING_TRANSITION", "deploy.sh")
	s.mustRefuse("a wrong definition", "not valid for STANDARD", "deploy.sh", "PARAMETERS=Mode=standard")
	if said, asked, ok := s.run("deploy.sh", "MODE=direct"); !ok || strings.Contains(asked, "validate") {
		t.Errorf("without a state machine: %v\n%s%s", ok, said, asked)
	}
	sent, err := os.ReadFile(filepath.Join(s.dir, "bin/sent-machine"))
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(sent) || strings.Contains(string(sent), "${") ||
		!strings.Contains(string(sent), `"Resource": "arn:aws:lambda:eu-west-1:000000000000:function:bellhop-`) {
		t.Errorf("it has this checked:\n%s", sent)
	}
	s = copyScripts(t)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	s.write("bin/parameters", "Mode\tstandard\nPostgresVersion\t17\nDatabaseClass\tdb.t4g.micro\nRecordConcurrency\t0\n")
	said, asked, ok := s.run("deploy.sh")
	if !ok || !strings.Contains(asked, "--type STANDARD") {
		t.Errorf("for the stack's own mode: %v\n%s%s", ok, said, asked)
	}
	s.refuse("stepfunctions.validate-state-machine-definition", "AccessDenied", "not authorized")
	s.mustRefuse("it may not be checked", "can't have the state machine checked: An error", "deploy.sh")
}

func TestDeployLooksForRoomForANetwork(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/says/ec2.describe-vpcs", "5\n")
	s.mustRefuse("no room", "has 5 of the 5 networks that it may have in eu-west-1", "deploy.sh")
	s.write("bin/says/service-quotas.get-service-quota", "20.0\n")
	if said, _, ok := s.run("deploy.sh"); !ok {
		t.Errorf("with room: %s", said)
	}
	s.write("bin/says/ec2.describe-vpcs", "20\n")
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	if said, _, ok := s.run("deploy.sh"); !ok {
		t.Errorf("an update, which makes no network: %s", said)
	}
	s = copyScripts(t)
	s.refuse("service-quotas.get-service-quota", "AccessDeniedException", "not authorized")
	s.mustRefuse("no right to ask", "can't count the networks in eu-west-1: An error", "deploy.sh")
}

// TestTheProtectionWaitsForTheFirstDeployment shows that the first one can be rolled back, and that a wish counts.
func TestTheProtectionWaitsForTheFirstDeployment(t *testing.T) {
	s := copyScripts(t)
	said, asked, ok := s.run("deploy.sh", "SERVER=off", "PARAMETERS=DatabaseProtection=false")
	if !ok || strings.Count(asked, "cloudformation deploy") != 1 || strings.Contains(asked, "DatabaseProtection=true") {
		t.Errorf("%v\n%s%s", ok, said, asked)
	}
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	said, asked, ok = s.run("deploy.sh")
	if !ok || strings.Count(asked, "cloudformation deploy") != 1 || strings.Contains(asked, "DatabaseProtection") {
		t.Errorf("an update: %v\n%s%s", ok, said, asked)
	}
	const unprotected = "PARAMETERS=DatabaseProtection=true protects it"
	if strings.Contains(said, unprotected) {
		t.Errorf("it says\n%s", said)
	}
	s.write("bin/parameters", readText(t, filepath.Join(s.dir, "bin/parameters"))+"DatabaseProtection\tfalse\n")
	if said, _, ok = s.run("deploy.sh"); !ok || !strings.Contains(said, unprotected) {
		t.Errorf("after a first deployment that was interrupted: %v\n%s", ok, said)
	}
}

// TestTwoStacksFitIntoOneAccount shows that each name that the template gives has the stack's in it, or is given to it.
func TestTwoStacksFitIntoOneAccount(t *testing.T) {
	named := map[string]string{"AWS::SQS::Queue": "QueueName", "AWS::Lambda::Function": "FunctionName",
		"AWS::Logs::LogGroup": "LogGroupName", "AWS::StepFunctions::StateMachine": "StateMachineName",
		"AWS::CloudWatch::Dashboard": "DashboardName"}
	for name, r := range readTemplate(t).Resources {
		for property, value := range r.Properties {
			given := property == named[r.Type] || property == "Name" || property == "RoleName" || property == "BucketName" ||
				property == "DBInstanceIdentifier" || property == "TopicName" || property == "AlarmName"
			if given && text(value) != `{"Ref":"Domain"}` && !strings.Contains(text(value), "AWS::StackName") {
				t.Errorf("%s is %s in every stack", name, text(value))
			}
		}
	}
}
