package aws_test

import (
	"slices"
	"strings"
	"testing"
)

const partnerBus = "arn:aws:events:us-east-1:123456789012:event-bus/aws.partner/shopify.com/4711/orders"

// theRule is the one statement that lets somebody send who is not one of the stack's own roles.
const theRule = `{"Fn::If":["HasPartnerBus",{"Action":"sqs:SendMessage","Condition":{"ArnEquals":` +
	`{"aws:SourceArn":{"Fn::GetAtt":["FromPartnerBus","Arn"]}}},"Effect":"Allow",` +
	`"Principal":{"Service":"events.amazonaws.com"},"Resource":[{"Fn::GetAtt":["OrdersQueue","Arn"]},` +
	`{"Fn::GetAtt":["DeadLetters","Arn"]}],"Sid":"TheRuleOfThePartnerBus"},{"Ref":"AWS::NoValue"}]}`

// TestPartnerBusTakesTheURLsPlace: with the bus there is the rule, and neither accept nor its URL nor what is about
// them; unless the URL is kept, or shops are connected, whose subscriptions go there.
func TestPartnerBusTakesTheURLsPlace(t *testing.T) {
	tpl := readTemplate(t)
	about := []string{"Accept", "AcceptURL", "AcceptRole", "AcceptLogs", "AnybodyMayCallTheURL",
		"AnybodyMayInvokeByTheURL", "WebhooksRefused", "WebhooksUnsigned"}
	for _, c := range []struct {
		given     map[string]string
		url, rule bool
	}{
		{nil, true, false},
		{map[string]string{"PartnerBus": partnerBus}, false, true},
		{map[string]string{"PartnerBus": partnerBus, "KeepURL": "yes"}, true, true},
		{map[string]string{"PartnerBus": partnerBus, "ShopifyClientId": "4711"}, true, true},
		{map[string]string{"KeepURL": "yes"}, true, false},
	} {
		if got := tpl.holds(tpl.Resources["FromPartnerBus"].Condition, c.given); got != c.rule {
			t.Errorf("%v: the rule is there: %v", c.given, got)
		}
		for _, name := range about {
			if r, ok := tpl.Resources[name]; !ok || tpl.holds(r.Condition, c.given) != c.url {
				t.Errorf("%v: %s is there: %v", c.given, name, !c.url)
			}
		}
	}
	for name, r := range tpl.Resources { // of all resources that name them, those alone that are there with them
		if slices.Contains(about, name) || name == "Distribution" || name == "Sweep" {
			continue
		}
		if properties := text(r.Properties); strings.Contains(properties, `"Accept`) {
			t.Errorf("%s needs accept: %s", name, properties)
		}
	}
}

// TestPartnerBusSendsItsOwn: the rule takes the bus's source alone, and tries for as long as EventBridge does.
func TestPartnerBusSendsItsOwn(t *testing.T) {
	tpl := readTemplate(t)
	const source = `{"Fn::Select":[1,{"Fn::Split":[":event-bus/",{"Ref":"PartnerBus"}]}]}`
	for name, want := range map[string]string{
		"EventBusName": `{"Ref":"PartnerBus"}`,
		"EventPattern": `{"source":[` + source + `]}`,
		"Targets": `[{"Arn":{"Fn::GetAtt":["OrdersQueue","Arn"]},` +
			`"DeadLetterConfig":{"Arn":{"Fn::GetAtt":["DeadLetters","Arn"]}},"Id":"orders","RetryPolicy":{"MaximumEventAgeInSeconds":86400,"MaximumRetryAttempts":185}}]`,
	} {
		if got := text(tpl.Resources["FromPartnerBus"].Properties[name]); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	const envelopes = `{"Envelopes":{"Fn::If":["HasPartnerBus",` +
		`{"Fn::Sub":["\u0026envelope=eventbridge\u0026source=${Source}",{"Source":` + source + `}]},""]}}`
	for _, name := range []string{"Record", "Direct", "Start", "Sweep"} {
		variables := tpl.Resources[name].Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
		if got := text(variables["BELLHOP_QUEUE"]); !strings.Contains(got, envelopes) ||
			!strings.Contains(got, "?bucket=${Bodies}${Envelopes}") {
			t.Errorf("%s reads the queue as %s", name, got)
		}
	}
}

// TestPartnerBusHasAQueueOfItsOwn: CloudFormation refuses a server of one's own beside the bus.
func TestPartnerBusHasAQueueOfItsOwn(t *testing.T) {
	tpl := readTemplate(t)
	for _, c := range []struct {
		bus, own string
		refused  bool
	}{{"", "no", false}, {"", "yes", false}, {partnerBus, "no", false}, {partnerBus, "yes", true}} {
		given, refused := map[string]string{"PartnerBus": c.bus, "OwnProducer": c.own}, false
		for _, r := range tpl.Rules {
			for _, a := range r.Assertions {
				refused = refused || tpl.holds(r.RuleCondition, given) && !tpl.holds(a.Assert, given)
			}
		}
		if refused != c.refused {
			t.Errorf("%+v: refused: %v", given, refused)
		}
	}
}
