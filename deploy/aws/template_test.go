package aws_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"bellhop/host/lambdahost"
	"bellhop/internal/amazon"
	"bellhop/internal/realserver"
)

// template is the part of a CloudFormation template that the tests read. It has the long forms of
// functions: !Ref X is {"Ref": "X"}.
type template struct {
	Parameters map[string]parameter
	Rules      map[string]rule
	Conditions map[string]any
	Resources  map[string]resource
}

type rule struct {
	RuleCondition any
	Assertions    []struct{ Assert any }
}

type parameter struct {
	Default       any
	Description   string
	AllowedValues []any
}

type resource struct {
	Type, Condition                     string
	DependsOn                           any
	DeletionPolicy, UpdateReplacePolicy string
	Properties                          map[string]any
}

func readTemplate(t *testing.T) template {
	t.Helper()
	text, err := os.ReadFile("bellhop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	long, err := json.Marshal(plain(t, root.Content[0]))
	if err != nil {
		t.Fatal(err)
	}
	var parsed template
	if err := json.Unmarshal(long, &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

// plain turns YAML's values into JSON's.
func plain(t *testing.T, n *yaml.Node) any {
	name, short := strings.CutPrefix(n.Tag, "!")
	if !short || strings.HasPrefix(name, "!") {
		return untagged(t, n)
	}
	value := untagged(t, n)
	switch name {
	case "Ref", "Condition":
		return map[string]any{name: value}
	case "GetAtt":
		object, attribute, _ := strings.Cut(value.(string), ".")
		return map[string]any{"Fn::GetAtt": []any{object, attribute}}
	}
	return map[string]any{"Fn::" + name: value}
}

func untagged(t *testing.T, n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return plain(t, n.Alias)
	case yaml.SequenceNode:
		all := []any{}
		for _, c := range n.Content {
			all = append(all, plain(t, c))
		}
		return all
	case yaml.MappingNode:
		all := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			all[n.Content[i].Value] = plain(t, n.Content[i+1])
		}
		return all
	}
	if !strings.HasPrefix(n.Tag, "!!") {
		return n.Value
	}
	var value any
	if err := n.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// of returns the resources of a type.
func (t template) of(kind string) map[string]resource {
	found := map[string]resource{}
	for name, r := range t.Resources {
		if r.Type == kind {
			found[name] = r
		}
	}
	return found
}

// holds evaluates a condition for parameters that differ from their defaults.
func (t template) holds(condition any, given map[string]string) bool {
	switch c := condition.(type) {
	case string:
		return c == "" || t.holds(t.Conditions[c], given)
	case map[string]any:
		if named, ok := c["Condition"]; ok {
			return t.holds(named, given)
		}
		if not, ok := c["Fn::Not"]; ok {
			return !t.holds(not.([]any)[0], given)
		}
		if and, ok := c["Fn::And"]; ok {
			return !slices.ContainsFunc(and.([]any), func(part any) bool { return !t.holds(part, given) })
		}
		pair := c["Fn::Equals"].([]any)
		name := pair[0].(map[string]any)["Ref"].(string)
		value, ok := given[name]
		if !ok {
			value = fmt.Sprint(t.Parameters[name].Default)
		}
		return value == pair[1]
	}
	panic(fmt.Sprintf("no condition: %v", condition))
}

// text shows a value for comparing.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func list(v any) []any {
	if all, ok := v.([]any); ok {
		return all
	}
	return []any{v}
}

func number(t *testing.T, what string, v any) float64 {
	t.Helper()
	n, ok := v.(float64)
	if !ok {
		t.Fatalf("%s is %v, not a number", what, v)
	}
	return n
}

// explained are warnings that stay.
var explained = map[string]string{
	"W3002": "deploy.sh packages: the folder and the state machine are local until then",
	"E3013": "the condition HasDomain keeps the empty name out",
	"W1001": "where there is a server it is A or B",
	"W1030": "the image is empty where there is no server",
	"W2503": "the two servers share their properties, and each takes its own part",
	"W9008": "a database that begins from a snapshot is encrypted as that is, and deploy.sh takes no other",
	"W2506": "a parameter of the image's own type can't be empty",
}

func TestTemplateIsValid(t *testing.T) {
	// The check takes the value that means no reservation for one.
	command, err := realserver.NodeCommand("../cloudformation.cjs", "bellhop.yaml", "AcceptConcurrency=1",
		"PartnerBus="+partnerBus, "KeepURL=yes")
	realserver.Need(t, err)
	out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Status      string
		Diagnostics []struct {
			RuleID, Severity, Message, PropertyPath string
			StartLine                               int
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	if report.Status != "OK" || len(report.Diagnostics) == 0 {
		t.Errorf("the check ended with %q and %d findings", report.Status, len(report.Diagnostics))
	}
	for _, d := range report.Diagnostics {
		if d.Severity != "INFO" && d.Severity != "DEBUG" && explained[d.RuleID] == "" {
			t.Errorf("line %d, %s: %s %s: %s", d.StartLine, d.PropertyPath, d.Severity, d.RuleID, d.Message)
		}
	}
}

// TestEachModeHasWhatItNeeds pins the functions of each mode; exactly one reads the queue.
func TestEachModeHasWhatItNeeds(t *testing.T) {
	tpl := readTemplate(t)
	for mode, want := range map[string]string{
		"direct":   "Accept Direct Migrate Sweep",
		"express":  "Accept Migrate Notify Record Start Sweep",
		"standard": "Accept Migrate Notify Record Start Sweep",
	} {
		count := func(kind string) (names []string) {
			for name, r := range tpl.of(kind) {
				if tpl.holds(r.Condition, map[string]string{"Mode": mode}) {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			return names
		}
		if got := strings.Join(count("AWS::Lambda::Function"), " "); got != want {
			t.Errorf("mode %s has the functions %s; want %s", mode, got, want)
		}
		if n := count("AWS::Lambda::EventSourceMapping"); len(n) != 1 {
			t.Errorf("mode %s reads the queue by %v", mode, n)
		}
		if n := count("AWS::StepFunctions::StateMachine"); (len(n) == 1) != (mode != "direct") {
			t.Errorf("mode %s has the state machines %v", mode, n)
		}
	}
}

func TestParametersSayWhatTheyAreFor(t *testing.T) {
	for name, p := range readTemplate(t).Parameters {
		if p.Default == nil || len(p.Description) < 10 {
			t.Errorf("%s: default %v, %q", name, p.Default, p.Description)
		}
	}
}

// TestQueue holds the queue to AWS's rules for one that a function reads
// (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
func TestQueue(t *testing.T) {
	tpl := readTemplate(t)
	orders, dead := tpl.Resources["OrdersQueue"].Properties, tpl.Resources["DeadLetters"].Properties
	visibility := number(t, "visibility", orders["VisibilityTimeout"])
	for name, source := range tpl.of("AWS::Lambda::EventSourceMapping") {
		p := source.Properties
		function := tpl.Resources[p["FunctionName"].(map[string]any)["Ref"].(string)]
		window, _ := p["MaximumBatchingWindowInSeconds"].(float64)
		if needs := 6*number(t, name, function.Properties["Timeout"]) + window; visibility < needs {
			t.Errorf("%s: visibility is %v s, and %v s are needed", name, visibility, needs)
		}
		if text(p["FunctionResponseTypes"]) != `["ReportBatchItemFailures"]` {
			t.Errorf("%s: one failure fails its whole batch", name)
		}
		if text(p["ScalingConfig"]) != `{"MaximumConcurrency":{"Ref":"Consumers"}}` {
			t.Errorf("%s: nothing bounds it", name)
		}
		if text(p["EventSourceArn"]) != `{"Fn::GetAtt":["OrdersQueue","Arn"]}` {
			t.Errorf("%s reads %v", name, p["EventSourceArn"])
		}
	}
	redrive := orders["RedrivePolicy"].(map[string]any)
	for _, name := range []string{"Record", "Direct"} {
		environment := tpl.Resources[name].Properties["Environment"].(map[string]any)
		attempts := environment["Variables"].(map[string]any)["BELLHOP_MAX_ATTEMPTS"]
		if attempts != fmt.Sprint(redrive["maxReceiveCount"]) {
			t.Errorf("%s expects %v attempts, and the queue makes %v", name, attempts, redrive["maxReceiveCount"])
		}
	}
	var tried time.Duration
	for attempt := range int(number(t, "maxReceiveCount", redrive["maxReceiveCount"])) {
		wait := lambdahost.WaitAfter(attempt + 1)
		if tried += wait; wait.Seconds() > visibility {
			t.Errorf("a message waits %v after attempt %d, longer than if SQS had not heard of it", wait, attempt+1)
		}
	}
	if tried < 4*time.Hour || tried > 5*time.Hour {
		t.Errorf("a message is dead after %v", tried)
	}
	if text(redrive["deadLetterTargetArn"]) != `{"Fn::GetAtt":["DeadLetters","Arn"]}` {
		t.Errorf("dead letters go to %v", redrive["deadLetterTargetArn"])
	}
	const fortnight = 14 * 24 * 3600
	for name, q := range map[string]map[string]any{"the queue": orders, "the dead letters": dead} {
		if n := number(t, name, q["MessageRetentionPeriod"]); n != fortnight {
			t.Errorf("%s keeps messages for %v s", name, n)
		}
		if n := number(t, name, q["MaximumMessageSize"]); n != amazon.MaxMessage {
			t.Errorf("%s takes messages of %v bytes, and bellhop sends up to %d", name, n, amazon.MaxMessage)
		}
	}
	rules := tpl.Resources["Bodies"].Properties["LifecycleConfiguration"].(map[string]any)["Rules"]
	rule := rules.([]any)[0].(map[string]any)
	if days := number(t, "days", rule["ExpirationInDays"]); days < 29 {
		t.Errorf("bodies are kept for %v days, and the messages that name them for 28", days)
	}
}

func TestDataIsKeptAndEncrypted(t *testing.T) {
	tpl := readTemplate(t)
	for kind, want := range map[string]struct{ deletion, replacement, property, value string }{
		"AWS::SQS::Queue": {"RetainExceptOnCreate", "Retain", "SqsManagedSseEnabled", "true"},
		"AWS::S3::Bucket": {"RetainExceptOnCreate", "Retain", "BucketEncryption", `{"ServerSideEncryptionConfiguration":[{"ServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}`},
		"AWS::RDS::DBInstance": {"Snapshot", "Snapshot", "StorageEncrypted",
			`{"Fn::If":["FromSnapshot",{"Ref":"AWS::NoValue"},true]}`}, // deploy.sh takes encrypted snapshots alone
		"AWS::StepFunctions::StateMachine": {"", "", "EncryptionConfiguration", `{"Type":"AWS_OWNED_KEY"}`},
	} {
		found := tpl.of(kind)
		if len(found) == 0 {
			t.Errorf("there is no %s", kind)
		}
		for name, r := range found {
			if r.DeletionPolicy != want.deletion || r.UpdateReplacePolicy != want.replacement {
				t.Errorf("%s is deleted by %q and replaced by %q; want %q and %q", name, r.DeletionPolicy,
					r.UpdateReplacePolicy, want.deletion, want.replacement)
			}
			if got := text(r.Properties[want.property]); got != want.value {
				t.Errorf("%s: %s is %s", name, want.property, got)
			}
		}
	}
	for name, want := range map[string]string{
		"PubliclyAccessible": "false", "ManageMasterUserPassword": "true",
		"DeletionProtection": `{"Ref":"DatabaseProtection"}`, "BackupRetentionPeriod": "7",
		"DBParameterGroupName": `{"Ref":"DatabaseSettings"}`,
	} {
		if got := text(tpl.Resources["Database"].Properties[name]); got != want {
			t.Errorf("the database's %s is %s", name, got)
		}
	}
	if tpl.Parameters["DatabaseProtection"].Default != "true" {
		t.Error("the database can be deleted by mistake")
	}
	if got := text(tpl.Resources["DatabaseSettings"].Properties["Parameters"]); got !=
		`{"idle_session_timeout":{"Ref":"IdleSessionTimeout"},"log_error_verbosity":"terse","rds.force_ssl":"1"}` {
		t.Errorf("the database's settings are %s", got)
	}
	logging := text(tpl.Resources["Machine"].Properties["LoggingConfiguration"])
	if !strings.Contains(logging, `"IncludeExecutionData":false`) {
		t.Errorf("the state machine logs customers' data: %s", logging)
	}
}

// TestNothingIsReachedFromOutside holds the network to what the page says of it.
func TestNothingIsReachedFromOutside(t *testing.T) {
	tpl := readTemplate(t)
	for _, kind := range []string{"AWS::EC2::NatGateway", "AWS::EC2::EIP"} {
		if found := tpl.of(kind); len(found) > 0 {
			t.Errorf("there are %v", found)
		}
	}
	for name, r := range tpl.of("AWS::EC2::Route") {
		if text(r.Properties["EgressOnlyInternetGatewayId"]) != `{"Ref":"EgressOnlyGateway"}` {
			t.Errorf("%s leads out by %v", name, r.Properties)
		}
	}
	inside := map[string]bool{`{"Ref":"FunctionGroup"}`: true, `{"Ref":"TunnelGroup"}`: true,
		`{"Ref":"ServerGroup"}`: true}
	for name, r := range tpl.of("AWS::EC2::SecurityGroupIngress") {
		if !inside[text(r.Properties["SourceSecurityGroupId"])] {
			t.Errorf("%s lets in %v", name, r.Properties)
		}
	}
	for name, r := range tpl.of("AWS::EC2::SecurityGroup") {
		for _, rule := range list(r.Properties["SecurityGroupIngress"]) {
			if rule == nil || inside[text(rule.(map[string]any)["SourceSecurityGroupId"])] {
				continue
			}
			if from := text(rule.(map[string]any)["SourcePrefixListId"]); name != "ServerGroup" ||
				from != `{"Ref":"CloudFrontAddresses"}` {
				t.Errorf("%s lets in %v", name, rule)
			}
		}
	}
	for name, r := range tpl.of("AWS::Lambda::Function") {
		_, network := r.Properties["VpcConfig"]
		_, database := r.Properties["Environment"].(map[string]any)["Variables"].(map[string]any)["BELLHOP_DB"]
		if network != database {
			t.Errorf("%s: in the network %v, uses the database %v", name, network, database)
		}
		if network && !strings.Contains(text(r.Properties["VpcConfig"]), `"Ipv6AllowedForDualStack":true`) {
			t.Errorf("%s can't reach anything outside", name)
		}
	}
	for _, kind := range []string{"AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"} {
		for name, r := range tpl.of(kind) {
			policy := strings.Replace(text(r.Properties["PolicyDocument"]), theRule, "", 1)
			if !strings.Contains(policy, `"Effect":"Deny"`) ||
				!strings.Contains(policy, `"aws:SecureTransport":"false"`) || strings.Contains(policy, `"Allow"`) {
				t.Errorf("%s: %s", name, policy)
			}
		}
	}
}

// TestTheDatabaseCanBeUpgraded follows CloudFormation's rules: it replaces a parameter group whose
// family changes, unless the group has a name of its own.
func TestTheDatabaseCanBeUpgraded(t *testing.T) {
	tpl := readTemplate(t)
	database, group := tpl.Resources["Database"].Properties, tpl.Resources["DatabaseSettings"].Properties
	if text(database["AllowMajorVersionUpgrade"]) != "true" ||
		text(database["EngineVersion"]) != `{"Ref":"PostgresVersion"}` {
		t.Errorf("PostgresVersion can't be changed: %v, %v", database["AllowMajorVersionUpgrade"], database["EngineVersion"])
	}
	if text(group["Family"]) != `{"Fn::Sub":"postgres${PostgresVersion}"}` || group["DBParameterGroupName"] != nil {
		t.Errorf("the settings don't follow the version: %v", group)
	}
	version := tpl.Parameters["PostgresVersion"]
	for _, want := range []any{version.Default, "15", "16", "17", "18"} {
		if !slices.Contains(version.AllowedValues, want) {
			t.Errorf("PostgreSQL %v is not offered", want)
		}
	}
}

// TestThrottledWebhooksRing counts requests that Lambda refuses before the function runs.
func TestThrottledWebhooksRing(t *testing.T) {
	alarm := text(readTemplate(t).Resources["WebhooksRefused"].Properties["Metrics"])
	for _, metric := range []string{"Throttles", "Url5xxCount"} {
		want := `"Metric":{"Dimensions":[{"Name":"FunctionName","Value":{"Ref":"Accept"}}],"MetricName":"` + metric + `"`
		if !strings.Contains(alarm, want) {
			t.Errorf("the alarm doesn't count %s of accept: %s", metric, alarm)
		}
	}
}

func TestAlarmsReachSomebody(t *testing.T) {
	found := readTemplate(t).of("AWS::CloudWatch::Alarm")
	if len(found) < 8 {
		t.Errorf("there are %d alarms", len(found))
	}
	for name, r := range found {
		if !strings.HasPrefix(text(r.Properties["AlarmActions"]), `[{"Ref":"Alarms"}`) ||
			len(fmt.Sprint(r.Properties["AlarmDescription"])) < 30 {
			t.Errorf("%s: %v", name, r.Properties)
		}
	}
}

// TestEachMetricHasAnAlarm compares the metrics that functions print with the alarms.
func TestEachMetricHasAnAlarm(t *testing.T) {
	tpl := readTemplate(t)
	watched := map[string]resource{}
	for name, r := range tpl.of("AWS::CloudWatch::Alarm") {
		if r.Properties["Namespace"] != lambdahost.Namespace {
			continue
		}
		watched[fmt.Sprint(r.Properties["MetricName"])] = r
		if text(r.Properties["Dimensions"]) != `[{"Name":"Stack","Value":{"Ref":"AWS::StackName"}}]` {
			t.Errorf("%s watches %v", name, r.Properties["Dimensions"])
		}
	}
	printers := map[string][]string{lambdahost.MetricOldestReturned: {"Start", "Direct"},
		lambdahost.MetricOldestOwed: {"Sweep"}, lambdahost.MetricGivenUp: {"Notify", "Direct", "Sweep"}}
	if len(watched) != len(printers) {
		t.Errorf("there are alarms on %v", slices.Sorted(maps.Keys(watched)))
	}
	dashboard := text(tpl.Resources["Dashboard"].Properties["DashboardBody"])
	for metric, functions := range printers {
		if _, ok := watched[metric]; !ok || !strings.Contains(dashboard, metric) {
			t.Errorf("nobody watches %s", metric)
		}
		for _, name := range functions {
			environment := tpl.Resources[name].Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
			if text(environment["BELLHOP_STACK"]) != `{"Ref":"AWS::StackName"}` {
				t.Errorf("%s prints no %s", name, metric)
			}
		}
	}
	returned := watched[lambdahost.MetricOldestReturned].Properties
	orders := tpl.Resources["OrdersQueue"].Properties
	start := tpl.Resources["Start"].Properties
	// A message that makes its function fall over is seen once in the queue's own timeout.
	seen := number(t, "visibility", orders["VisibilityTimeout"]) + number(t, "timeout", start["Timeout"])
	if period := number(t, "period", returned["Period"]); period < seen {
		t.Errorf("the alarm on messages that come again clears after %v s, and one may come after %v s", period, seen)
	}
	// A sweep measures at its end, so that some minutes have two values and others none.
	owed := watched[lambdahost.MetricOldestOwed].Properties
	between := 60 + number(t, "timeout", tpl.Resources["Sweep"].Properties["Timeout"])
	if period := number(t, "period", owed["Period"]); period < between {
		t.Errorf("the alarm on late pushes clears after %v s, and sweeps may be %v s apart", period, between)
	}
}

// TestTheSweepHasAnAlarmOfItsOwn: it rings after three failures, or minutes without a run.
func TestTheSweepHasAnAlarmOfItsOwn(t *testing.T) {
	p := readTemplate(t).Resources["SweepFails"].Properties
	got := []any{p["MetricName"], text(p["Dimensions"]), p["Period"], p["EvaluationPeriods"], p["DatapointsToAlarm"],
		p["Threshold"], p["TreatMissingData"]}
	want := []any{"Errors", `[{"Name":"FunctionName","Value":{"Ref":"Sweep"}}]`, 60.0, 3.0, nil, 0.0, "breaching"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
