package aws_test

import (
	"strings"
	"testing"
)

// deploys runs deploy.sh, and returns what it said and the parameters that it deployed with.
func (s scripts) deploys(env ...string) (said, parameters string) {
	s.t.Helper()
	said, asked, ok := s.run("deploy.sh", env...)
	if !ok {
		s.t.Fatalf("%v: %s", env, said)
	}
	_, rest, _ := strings.Cut(asked, "cloudformation deploy ")
	line, _, _ := strings.Cut(rest, "\n")
	_, parameters, _ = strings.Cut(line, "--parameter-overrides ")
	return said, strings.TrimSpace(strings.ReplaceAll(parameters, "DatabaseProtection=false", ""))
}

func TestDeployRefusesRegionsWithoutFunctionURLs(t *testing.T) {
	s := copyScripts(t)
	for _, region := range []string{"cn-north-1", "us-gov-west-1", "eu-central-2", "ap-southeast-5"} {
		s.mustRefuse(region, "Lambda has no function URLs in "+region, "deploy.sh", "AWS_REGION="+region)
	}
	for _, region := range []string{"eu-central-1", "ap-southeast-1", "ap-northeast-2", "us-east-1"} {
		s.deploys("AWS_REGION=" + region)
	}
}

func TestDeployPicksZonesThatHaveAll(t *testing.T) {
	s := copyScripts(t)
	if _, got := s.deploys(); got != "ZoneA=eu-west-1a ZoneB=eu-west-1c" {
		t.Errorf("it picks %q", got)
	}
	if _, got := s.deploys("PARAMETERS=ZoneB=eu-west-1a ZoneA=eu-west-1c"); got != "ZoneB=eu-west-1a ZoneA=eu-west-1c" {
		t.Errorf("of given zones it makes %q", got)
	}
	s.mustRefuse("a zone that lacks machines",
		"ZoneB is 'eu-west-1b': of the zones of eu-west-1, these have all that bellhop needs: eu-west-1a eu-west-1c",
		"deploy.sh", "PARAMETERS=ZoneA=eu-west-1a ZoneB=eu-west-1b")
	s.mustRefuse("one zone", "ZoneA and ZoneB are the same", "deploy.sh", "PARAMETERS=ZoneA=eu-west-1a ZoneB=eu-west-1a")
	s.write("bin/says/ec2.describe-availability-zones", "eu-west-1a\tuse1-az3\neu-west-1c\tuse1-az1\n")
	if _, got := s.deploys(); got != "ZoneA=eu-west-1c ZoneB=eu-west-1a" {
		t.Errorf("where CloudFront reaches no server it picks %q", got)
	}
	s.mustRefuse("CloudFront reaches no server there", "CloudFront reaches no server in eu-west-1a; give it as ZoneB",
		"deploy.sh", "PARAMETERS=ZoneA=eu-west-1a ZoneB=eu-west-1c")
	s.deploys("PARAMETERS=ZoneA=eu-west-1a ZoneB=eu-west-1c", "SERVER=off")
	s.write("bin/says/ec2.describe-vpc-endpoint-services", "eu-west-1b\teu-west-1c\n")
	s.mustRefuse("Lambda is not everywhere", "eu-west-1 has eu-west-1c alone with Lambda, db.t4g.micro and t4g.nano",
		"deploy.sh")
	s.write("bin/says/ec2.describe-vpc-endpoint-services", "eu-west-1b\n")
	s.mustRefuse("nowhere is all", "eu-west-1 has no zone alone with", "deploy.sh")
	s.write("bin/says/rds.describe-orderable-db-instance-options", "")
	s.mustRefuse("no such class", "RDS offers no db.r9.large with PostgreSQL 18 in eu-west-1", "deploy.sh",
		"PARAMETERS=DatabaseClass=db.r9.large PostgresVersion=18")
	s.refuse("rds.describe-orderable-db-instance-options", "AccessDenied", "not authorized")
	s.mustRefuse("no right to look", "can't ask where RDS offers db.t4g.micro: An error occurred (AccessDenied)",
		"deploy.sh")
}

// TestDeployKeepsExtendedSupport holds that an update leaves it as the database has it: CloudFormation refuses a
// change.
func TestDeployKeepsExtendedSupport(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	if _, got := s.deploys(); got != "" {
		t.Errorf("it changes %s", got)
	}
	const no = "ExtendedSupport is decided when the database is made, and is "
	s.mustRefuse("a change", no+"off", "deploy.sh", "PARAMETERS=ExtendedSupport=on")
	s.write("bin/parameters", strings.Replace(stackParameters, "ExtendedSupport\toff\n", "", 1))
	if _, got := s.deploys("PARAMETERS=Consumers=8"); got != "ExtendedSupport=on Consumers=8" {
		t.Errorf("to a stack of an older template it gives %q", got)
	}
	s.mustRefuse("a change in such a stack", no+"on", "deploy.sh", "PARAMETERS=ExtendedSupport=off")
	its := readTemplate(t).Resources["Database"].Properties["EngineLifecycleSupport"]
	if got := text(its); got != `{"Fn::If":["HasExtendedSupport",{"Ref":"AWS::NoValue"},`+
		`"open-source-rds-extended-support-disabled"]}` {
		t.Errorf("the older template said nothing, and this one says %s", got)
	}
}

func TestANewStackBeginsFromASnapshot(t *testing.T) {
	s := copyScripts(t)
	const snapshot = "PARAMETERS=DatabaseSnapshot=last"
	says := func(found string) { s.write("bin/says/rds.describe-db-snapshots", found+"\n") }
	says("available\tpostgres\tbellhop\tTrue\t64\t16.9")
	_, got := s.deploys(snapshot)
	for _, want := range []string{"DatabaseSnapshot=last", "PostgresVersion=16", "DatabaseStorage=64"} {
		if !strings.Contains(got, want) {
			t.Errorf("it deploys %q without %s", got, want)
		}
	}
	s.deploys(snapshot + " DatabaseStorage=100 PostgresVersion=17")
	s.mustRefuse("too small", "the snapshot last has 64 GB: give no smaller DatabaseStorage", "deploy.sh",
		snapshot+" DatabaseStorage=20")
	s.mustRefuse("too old", "the snapshot last is of PostgreSQL 16: give no older PostgresVersion", "deploy.sh",
		snapshot+" PostgresVersion=15")
	for found, want := range map[string]string{
		"creating\tpostgres\tbellhop\tTrue\t64\t16.9":   "the snapshot last is creating; wait until it is available",
		"available\tmysql\tbellhop\tTrue\t64\t8.0":      "the snapshot last is not of a stack's database",
		"available\tpostgres\tadmin\tTrue\t64\t16.9":    "the snapshot last is not of a stack's database",
		"available\tpostgres\tbellhop\tFalse\t64\t16.9": "the snapshot last is not of a stack's database",
	} {
		says(found)
		s.mustRefuse(found, want, "deploy.sh", snapshot)
	}
	s.refuse("rds.describe-db-snapshots", "DBSnapshotNotFound", "DBSnapshot last not found.")
	s.mustRefuse("no such snapshot", "can't look at the snapshot last: An error occurred (DBSnapshotNotFound)",
		"deploy.sh", snapshot)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	s.mustRefuse("a database that is there", "DatabaseSnapshot would replace the stack's database", "deploy.sh", snapshot)
	s.write("bin/parameters", stackParameters+"DatabaseSnapshot\tlast\n")
	s.deploys(snapshot) // the same again
	s.deploys()
	s.mustRefuse("none", "DatabaseSnapshot would replace the stack's database", "deploy.sh",
		"PARAMETERS=DatabaseSnapshot=")
}

func TestDeployKeepsAStacksZonesAndVersion(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/stack", "UPDATE_COMPLETE\n")
	said, asked, ok := s.run("deploy.sh", "PARAMETERS=PostgresVersion=17")
	if !ok {
		t.Fatal(said)
	}
	inOrder(t, asked, "lambda invoke", "<{}>", "--parameter-overrides PostgresVersion=17 \n",
		`lambda invoke --function-name bellhop-migrate --payload <{"shops":[],"analyze":true}>`)
	s.deploys("PARAMETERS=ZoneA=eu-west-1a ZoneB=eu-west-1c")
	s.mustRefuse("another zone", "a stack's zones can't be changed: leave out ZoneB", "deploy.sh",
		"PARAMETERS=ZoneB=eu-west-1b")
	s.mustRefuse("a lower version", "PostgreSQL can't go back from 16 to 15", "deploy.sh", "PARAMETERS=PostgresVersion=15")
	s.write("bin/says/rds.describe-orderable-db-instance-options", "")
	s.deploys()
	s.mustRefuse("an upgrade to nowhere", "RDS offers no db.t4g.micro with PostgreSQL 17", "deploy.sh",
		"PARAMETERS=PostgresVersion=17")
	s.write("bin/says/ec2.describe-instance-type-offerings", "eu-west-1b\teu-west-1c\n")
	s.mustRefuse("no such machine", "EC2 offers no x8g.large in eu-west-1a, where the stack has its server", "deploy.sh",
		"SERVER=x8g.large")
}

// TestDeployLeavesRoomForWebhooks knows an account's limit, and what is not reserved of it.
func TestDeployLeavesRoomForWebhooks(t *testing.T) {
	const zones = "ZoneA=eu-west-1a ZoneB=eu-west-1c"
	s := copyScripts(t)
	for _, c := range []struct{ limits, given, deployed, says string }{
		{"1000\t1000", "", "", ""},
		{"50\t50", "", "", ""},
		{"10\t10", "", "Consumers=2 BatchSize=1", "runs only 10 functions at once"},
		{"49\t49", "", "Consumers=2 BatchSize=1", "leaves half of them to webhooks"},
		{"10\t10", "Mode=direct", "", ""},
		{"10\t10", "Mode=standard", "Consumers=2 BatchSize=1", "orders may take 10 of the 10"},
		{"10\t10", "Consumers=2", "", "orders may take 13 of the 10 functions"}, // 2 starters, 10 executions, sweep
		{"1000\t1000", "Consumers=100", "", "orders may take 601 of the 1000"},
		{"1000\t1000", "Consumers=100 AcceptConcurrency=50", "", ""},
		{"1000\t1000", "Consumers=100 RecordConcurrency=50", "", ""},
		{"1000\t1000", "Mode=standard", "RecordConcurrency=20", "nothing else bounds"},
		{"139\t139", "Mode=standard", "", "orders may take 139 of the 139"},
		{"1000\t1000", "Mode=standard RecordConcurrency=0", "", "orders may take 1000 of the 1000"},
		{"1000\t1000", "Mode=standard RecordConcurrency=20", "", ""},
		{"1000\t1000", "AcceptConcurrency=0", "", "AcceptConcurrency is 0: every webhook is refused"},
	} {
		s.write("bin/says/lambda.get-account-settings", c.limits+"\n")
		said, got := s.deploys("PARAMETERS=" + c.given)
		want := strings.Join(strings.Fields(zones+" "+c.deployed+" "+c.given), " ")
		if got != want {
			t.Errorf("%q of %q: it deploys %q; want %q", c.given, c.limits, got, want)
		}
		if warned := strings.Contains(said, "at once"); c.says == "" && warned || !strings.Contains(said, c.says) {
			t.Errorf("%q of %q: it says\n%s", c.given, c.limits, said)
		}
	}
}

func TestDeployReservesNoMoreThanThereIs(t *testing.T) {
	s := copyScripts(t)
	s.write("bin/says/lambda.get-account-settings", "10\t10\n")
	s.mustRefuse("a new account", "reserve 5 of the account's 10 concurrent executions, and 100 must stay",
		"deploy.sh", "PARAMETERS=AcceptConcurrency=5")
	s.deploys("PARAMETERS=AcceptConcurrency=0")
	s.write("bin/says/lambda.get-account-settings", "1000\t200\n")
	s.mustRefuse("others reserved the rest", "reserve 101 of the account's 1000", "deploy.sh",
		"PARAMETERS=AcceptConcurrency=1 RecordConcurrency=50")
	s.deploys("PARAMETERS=AcceptConcurrency=100")
	s.deploys("PARAMETERS=AcceptConcurrency=100 RecordConcurrency=50 Mode=direct")

	s.write("bin/stack", "UPDATE_COMPLETE\n")
	s.write("bin/says/lambda.get-account-settings", "200\t100\n")
	s.write("bin/parameters", "Mode\tstandard\nRecordConcurrency\t40\nAcceptConcurrency\t20\nConsumers\t4\n"+
		"PostgresVersion\t16\nDatabaseClass\tdb.t4g.micro\n")
	s.deploys("PARAMETERS=AcceptConcurrency=20")
	s.deploys("PARAMETERS=AcceptConcurrency=60 RecordConcurrency=20")
	s.mustRefuse("one more", "reserve 101 of the account's 200", "deploy.sh", "PARAMETERS=AcceptConcurrency=21")
}

func TestDeployDeletesDatabaseLogsInTime(t *testing.T) {
	s := copyScripts(t)
	if _, asked, _ := s.run("deploy.sh"); strings.Contains(asked, "log-group") {
		t.Errorf("without logs it asks\n%s", asked)
	}
	_, asked, ok := s.run("deploy.sh", "PARAMETERS=DatabaseLogs=on LogDays=14")
	if !ok {
		t.Fatal(asked)
	}
	inOrder(t, asked, "create-log-group --log-group-name /aws/rds/instance/theDatabaseIdentifier/postgresql",
		"put-retention-policy --log-group-name /aws/rds/instance/theDatabaseIdentifier/postgresql --retention-in-days 14",
		"put-retention-policy --log-group-name /aws/rds/instance/theDatabaseIdentifier/upgrade --retention-in-days 14")
	s.refuse("logs.put-retention-policy", "AccessDenied", "not authorized")
	said, _, ok := s.run("deploy.sh", "PARAMETERS=DatabaseLogs=on")
	if !ok || !strings.Contains(said, "postgresql are kept for good: An error occurred") {
		t.Errorf("it may not: %v\n%s", ok, said)
	}
}
