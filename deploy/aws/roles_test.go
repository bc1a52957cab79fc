package aws_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// wildcards are those that policies may have, each with the reason why it can't
// be narrower. The key is the policy's resource and the wildcard.
var wildcards = map[string]string{
	"UseNetwork *": "EC2 takes no narrower resource for the interfaces that Lambda makes; the functions' own code is " +
		"denied them",
	"SendTraces *": "X-Ray takes no resource",
	"MachineRole *": "the API that delivers logs takes no resource" +
		" (https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html)",
	"AcceptRole ${Bodies.Arn}/bodies/*": "one prefix of one bucket",
	"StartRole ${Bodies.Arn}/bodies/*":  "one prefix of one bucket",
	"RecordRole ${Bodies.Arn}/bodies/*": "one prefix of one bucket",
	"DirectRole ${Bodies.Arn}/bodies/*": "one prefix of one bucket",
	"ServerRole ${Bodies.Arn}/bodies/*": "one prefix of one bucket",
	"SweepRole ${Bodies.Arn}/bodies/*":  "one prefix of one bucket",
}

type statement struct {
	effect             string
	actions, resources []any
}

func statements(document any) (all []statement) {
	for _, s := range list(document.(map[string]any)["Statement"]) {
		m := s.(map[string]any)
		all = append(all, statement{effect: m["Effect"].(string), actions: list(m["Action"]),
			resources: list(m["Resource"])})
	}
	return all
}

// granted returns the statements of a role's own policies, and of a managed
// policy.
func granted(r resource) (all []statement) {
	if r.Type == "AWS::IAM::ManagedPolicy" {
		return statements(r.Properties["PolicyDocument"])
	}
	for _, p := range list(r.Properties["Policies"]) {
		all = append(all, statements(p.(map[string]any)["PolicyDocument"])...)
	}
	return all
}

func TestRolesHaveNoWildcardWithoutAReason(t *testing.T) {
	tpl := readTemplate(t)
	roles := tpl.of("AWS::IAM::Role")
	maps.Copy(roles, tpl.of("AWS::IAM::ManagedPolicy"))
	used := map[string]bool{}
	for name, role := range roles {
		for _, s := range granted(role) {
			if s.effect != "Allow" {
				continue
			}
			for _, a := range s.actions {
				if strings.Contains(text(a), "*") {
					t.Errorf("%s may %v", name, a)
				}
			}
			for _, r := range s.resources {
				if what := wildcard(r); what != "" {
					used[name+" "+what] = true
				}
			}
		}
	}
	for what := range used {
		if wildcards[what] == "" {
			t.Errorf("%s has no reason", what)
		}
	}
	for what := range wildcards {
		if !used[what] {
			t.Errorf("the reason for %s is of no use any more", what)
		}
	}
}

// wildcard returns a resource's pattern if it has a wildcard, else "". The
// ARN of a log group ends in one by itself, for the streams in it.
func wildcard(r any) string {
	if m, ok := r.(map[string]any); ok {
		r = m["Fn::Sub"]
	}
	if s, ok := r.(string); ok && strings.Contains(s, "*") {
		return s
	}
	return ""
}

// may lists what a role allows, as ACTION on RESOURCE.
func may(r resource) (all []string) {
	for _, s := range granted(r) {
		for _, a := range s.actions {
			for _, on := range s.resources {
				all = append(all, strings.Trim(text(a), `"`)+" on "+text(on))
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestAcceptMay pins the role that stands in the open.
func TestAcceptMay(t *testing.T) {
	accept := readTemplate(t).Resources["AcceptRole"]
	want := []string{
		`logs:CreateLogStream on {"Fn::GetAtt":["AcceptLogs","Arn"]}`,
		`logs:PutLogEvents on {"Fn::GetAtt":["AcceptLogs","Arn"]}`,
		`s3:PutObject on {"Fn::Sub":"${Bodies.Arn}/bodies/*"}`,
		`secretsmanager:GetSecretValue on {"Ref":"ShopSecrets"}`,
		`secretsmanager:GetSecretValue on {"Ref":"ShopifySecret"}`,
		`sqs:SendMessage on {"Fn::GetAtt":["OrdersQueue","Arn"]}`,
	}
	if got := may(accept); !slices.Equal(got, want) {
		t.Errorf("accept may\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := text(accept.Properties["ManagedPolicyArns"]); got != `[{"Fn::If":["IsTraced",{"Ref":"SendTraces"},`+
		`{"Ref":"AWS::NoValue"}]}]` {
		t.Errorf("accept has more policies: %s", got)
	}
}

// TestReadersMayHideMessages: without the right, messages that are handed back would wait
// for the queue's own timeout.
func TestReadersMayHideMessages(t *testing.T) {
	tpl := readTemplate(t)
	for name, source := range tpl.of("AWS::Lambda::EventSourceMapping") {
		role := tpl.Resources[source.Properties["FunctionName"].(map[string]any)["Ref"].(string)+"Role"]
		if !slices.Contains(may(role), `sqs:ChangeMessageVisibility on {"Fn::GetAtt":["OrdersQueue","Arn"]}`) {
			t.Errorf("the function of %s may not hide messages", name)
		}
	}
}

// TestSecretsAreForWhoNeedsThem says who may do what with which secret.
func TestSecretsAreForWhoNeedsThem(t *testing.T) {
	users := map[string][]string{}
	for name, role := range readTemplate(t).of("AWS::IAM::Role") {
		for _, allowed := range may(role) {
			action, on, _ := strings.Cut(allowed, " on ")
			verb, isSecret := strings.CutPrefix(action, "secretsmanager:")
			for _, secret := range []string{"ShopifySecret", "ShopSecrets", "PushSecret", "KeySecret",
				"MasterUserSecret", "DatabaseLogin"} {
				if isSecret && strings.Contains(on, secret) {
					users[verb+" "+secret] = append(users[verb+" "+secret], name)
				}
			}
		}
	}
	want := map[string]string{
		"GetSecretValue ShopifySecret":    "AcceptRole DirectRole RecordRole ServerRole SweepRole",
		"GetSecretValue KeySecret":        "DirectRole MigrateRole RecordRole ServerRole SweepRole",
		"GetSecretValue ShopSecrets":      "AcceptRole MigrateRole",
		"PutSecretValue ShopSecrets":      "MigrateRole",
		"GetSecretValue PushSecret":       "DirectRole NotifyRole SweepRole",
		"GetSecretValue DatabaseLogin":    "DirectRole MigrateRole NotifyRole RecordRole ServerRole SweepRole",
		"PutSecretValue DatabaseLogin":    "MigrateRole",
		"GetSecretValue MasterUserSecret": "MigrateRole",
	}
	for what, names := range users {
		slices.Sort(names)
		if got := strings.Join(names, " "); got != want[what] {
			t.Errorf("%s is for %s; want %s", what, got, want[what])
		}
		delete(want, what)
	}
	if len(want) > 0 {
		t.Errorf("nobody is left for %v", want)
	}
}

func TestFunctions(t *testing.T) {
	tpl := readTemplate(t)
	roles := map[string]string{}
	for name, f := range tpl.of("AWS::Lambda::Function") {
		p := f.Properties
		if text(p["Architectures"]) != `["arm64"]` || p["Runtime"] != "provided.al2023" || p["Handler"] != "bootstrap" {
			t.Errorf("%s runs as %v, %v, %v", name, p["Architectures"], p["Runtime"], p["Handler"])
		}
		if text(p["MemorySize"]) != `{"Ref":"Memory"}` || number(t, name, p["Timeout"]) < 5 {
			t.Errorf("%s has %v MB and %v s", name, p["MemorySize"], p["Timeout"])
		}
		variables := p["Environment"].(map[string]any)["Variables"].(map[string]any)
		if got := variables["BELLHOP_FUNCTION"]; got != strings.ToLower(name) {
			t.Errorf("BELLHOP_FUNCTION of %s is %v", name, got)
		}
		if text(p["LoggingConfig"]) != `{"LogGroup":{"Ref":"`+name+`Logs"}}` {
			t.Errorf("%s logs to %v", name, p["LoggingConfig"])
		}
		role := text(p["Role"])
		if roles[role] != "" || role != `{"Fn::GetAtt":["`+name+`Role","Arn"]}` {
			t.Errorf("%s and %s have the role %s", name, roles[role], role)
		}
		roles[role] = name
		for _, allowed := range may(tpl.Resources[name+"Role"]) {
			if strings.HasPrefix(allowed, "logs:") && !strings.Contains(allowed, `"`+name+`Logs"`) {
				t.Errorf("%s may %s", name, allowed)
			}
		}
	}
	for name, g := range tpl.of("AWS::Logs::LogGroup") {
		if text(g.Properties["RetentionInDays"]) != `{"Ref":"LogDays"}` {
			t.Errorf("%s is kept for %v", name, g.Properties["RetentionInDays"])
		}
	}
}
