package aws_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// once runs one of the stubs.
func (s scripts) once(name string, args ...string) (string, error) {
	out, err := exec.CommandContext(s.t.Context(), filepath.Join(s.dir, name), args...).CombinedOutput()
	return string(out), err
}

// reports are what Lambda logs of two calls, the first of which started a process.
const reports = "REPORT RequestId: a\tDuration: 12.50 ms\tBilled Duration: 113 ms\tMemory Size: 256 MB\t" +
	"Max Memory Used: 41 MB\tInit Duration: 99.50 ms\t\n\tREPORT RequestId: b\tDuration: 2.50 ms\t" +
	"Billed Duration: 3 ms\tMemory Size: 256 MB\tMax Memory Used: 42 MB\t\n"

// checks runs the page's command in an account, with other settings in its environment.
func (a *account) checks(settings ...string) (said, asked string, ok bool) {
	a.t.Helper()
	a.write("bin/says/logs.filter-log-events", reports)
	a.write("bin/says/rds.describe-db-snapshots", "bellhop-check-snapshot-database-1\n")
	page, _ := thePage(a.t)
	for _, block := range shellBlock.FindAllStringSubmatch(page, -1) {
		if strings.Contains(block[1], "make aws-check") {
			return a.walks(a.filledIn(block[1]), "bellhop-check\n", settings...)
		}
	}
	a.t.Fatal("the page does not say how to check")
	return "", "", false
}

func TestCheck(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.write("bin/leaves", "bellhop-check-orders-dead\n")
	said, asked, ok := a.checks()
	if !ok {
		t.Fatal(said)
	}
	inOrder(t, asked, "cloudformation deploy --stack-name bellhop-check", "Push=validate",
		"secretsmanager put-secret-value --secret-id thePushSecret", "send-ssh-public-key --instance-id i-1",
		"as-bellhop token create --shop bellhop-check.myshopify.com",
		"reboot-db-instance --db-instance-identifier theDatabase",
		"filter-log-events --log-group-name /aws/lambda/bellhop-check-accept", "delete-stack --stack-name bellhop-check",
		"delete-queue --queue-url https://sqs/0/bellhop-check-orders-dead",
		"delete-secret --secret-id theKeySecret --force-delete-without-recovery",
		"delete-db-snapshot --db-snapshot-identifier bellhop-check-snapshot-database-1")
	inOrder(t, said, "all 83 orders are recorded and pushed; none is lost", "| step | took |", "| deploying |",
		"| until a webhook that makes no sense was a dead letter | 0.", "| until it was one again, replayed |",
		"| taking it down |", "| the first | 0.", "| 20, two a second | 0.", " s, at most 0.",
		"| 60, one a second, while the database restarts |",
		"| accept | 2 | 2.50 ms, at most 12.50 ms | 99.50 ms | 42 MB |")
}

// TestCheckTakesAllDownAfterAFailure stops it in several places.
func TestCheckTakesAllDownAfterAFailure(t *testing.T) {
	t.Parallel()
	for call, says := range map[string]string{
		"cloudformation.package":                   "",
		"ec2-instance-connect.send-ssh-public-key": "not authorized",
		"rds.reboot-db-instance":                   "not authorized",
	} {
		a := newAccount(t)
		a.refuse(call, "AccessDenied", "not authorized")
		said, asked, ok := a.checks()
		if ok || !strings.Contains(said, says) {
			t.Errorf("without %s: %v, %s", call, ok, said)
		}
		deployed := strings.Contains(asked, "cloudformation deploy")
		if gone := strings.Contains(asked, "delete-stack --stack-name bellhop-check"); gone != deployed {
			t.Errorf("without %s: deployed %v, taken down %v", call, deployed, gone)
		}
		if deployed {
			inOrder(t, said, "bellhop: gone.", "| deploying |", "| taking it down |")
		}
	}
}

func TestCheckFindsALostOrder(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.swallows.Store(10)
	said, asked, ok := a.checks("PATIENCE=3")
	if ok || !strings.Contains(asked, "delete-stack") || strings.Contains(said, "| 20, two a second |") {
		t.Errorf("%v: %s", ok, said)
	}
	inOrder(t, said, "aws-check: 20, two a second: of 21 orders 20 are recorded and 20 pushed, 3 s after they were sent; "+
		`pushes say: 20 "reason":""`, "in /aws/lambda/bellhop-check-notify:", "| the first |")
}

func TestCheckThatCannotTakeDown(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.refuse("rds.reboot-db-instance", "AccessDenied", "not authorized")
	a.refuse("cloudformation.delete-stack", "AccessDenied", "not authorized")
	if said, _, ok := a.checks(); ok || !strings.Contains(said, "run make destroy-aws STACK=bellhop-check") {
		t.Errorf("%v: %s", ok, said)
	}
	os.Remove(filepath.Join(a.dir, "bin/refuses/cloudformation.delete-stack"))
	os.Remove(filepath.Join(a.dir, "bin/stack"))
	if said, asked, ok := a.checks("KEEP=yes"); ok || strings.Contains(asked, "delete") ||
		!strings.Contains(said, "the stack bellhop-check stays") {
		t.Errorf("%v: %s", ok, said)
	}
}

func TestCheckRefuses(t *testing.T) {
	s := copyScripts(t)
	s.write("phone", "a b\n")
	phone, key := "PHONE_FILE="+filepath.Join(s.dir, "phone"), "FCM_FILE="+filepath.Join(s.dir, "sa.json")
	here := []string{"ACCOUNT=000000000000", "PARAMETERS=Push=log", "BELLHOP=/bin/sh"}
	for want, env := range map[string][]string{
		"ACCOUNT is ''":                       {"ACCOUNT="},
		"ACCOUNT is 'mine'":                   {"ACCOUNT=mine"},
		"account 000000000000, not to 1":      {"ACCOUNT=1"},
		"KEEP is 'maybe'":                     {"KEEP=maybe"},
		"PATIENCE is 'long'":                  {"PATIENCE=long"},
		"SERVER is off":                       {"SERVER=off"},
		"PARAMETERS has a Push":               {"PARAMETERS=Push=fcm"},
		"FCM_FILE and PHONE_FILE are missing": {"PARAMETERS=", key},
		"PHONE_FILE holds no FCM":             {"PARAMETERS=", key, phone},
		"'/nowhere' can't be run":             {"BELLHOP=/nowhere"},
		"no region is set":                    {"AWS_REGION="},
		"there is a stack staging":            {"STACK=staging"},
		"STACK is 'Staging': give at most 31": {"STACK=Staging"},
	} {
		s.write("bin/stack", map[bool]string{true: "UPDATE_COMPLETE\n"}[strings.Contains(want, "there is")])
		s.mustRefuse(want, want, "check.sh", append(here, env...)...)
	}
	s.write("bin/stack", "") // whichever came last above
	said, asked, ok := s.run("check.sh", append(here, "CONFIRM=other")...)
	if ok || !strings.Contains(said, "nothing was done") || strings.Contains(asked, "deploy") {
		t.Errorf("%v: %s%s", ok, said, asked)
	}
}
