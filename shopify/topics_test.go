package shopify_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"bellhop"
	"bellhop/shopify"
)

// topics are all that this package has a name for.
func topics(t *testing.T) (all []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "shopify.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(v.Names[0].Name, "Topic") {
			topic, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, topic)
		}
		return true
	})
	return all
}

// TestDocsSubscribeToAllTopics holds the configurations that the documents give
// against the topics that are decoded: one that is left out is never sent, and
// without the compliance topics Shopify lists no app.
func TestDocsSubscribeToAllTopics(t *testing.T) {
	want, wantCompliance := shopify.Wanted(), shopify.Compliance()
	for _, topic := range topics(t) {
		f, err := shopify.Decode(&bellhop.Event{Topic: topic, Shop: "demo.myshopify.com", Body: []byte(`{"order_id":1}`)})
		if err == nil && f.Skip == bellhop.ReasonTopicUnhandled {
			t.Errorf("%s is not decoded", topic)
		}
		if own, action, _ := strings.Cut(topic, "/"); own == shopify.EventTopic {
			if !slices.Contains(shopify.EventActions(), action) {
				t.Errorf("no Event has the topic %s", topic)
			}
			continue
		}
		if !slices.Contains(want, topic) && !slices.Contains(wantCompliance, topic) {
			t.Errorf("nobody subscribes to %s", topic)
		}
	}
	for _, doc := range []string{"../README.md", "../docs/aws.md"} {
		var app struct {
			Webhooks struct {
				Subscriptions []struct {
					Topics           []string
					ComplianceTopics []string `toml:"compliance_topics"`
				}
			}
		}
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		block := regexp.MustCompile("(?s)```toml\n(.*?\\[webhooks\\].*?)```").FindSubmatch(text)
		if block == nil {
			t.Errorf("%s shows no [webhooks]", doc)
			continue
		}
		if err := toml.Unmarshal(block[1], &app); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		var got, compliance []string
		for _, s := range app.Webhooks.Subscriptions {
			got, compliance = append(got, s.Topics...), append(compliance, s.ComplianceTopics...)
		}
		for _, pair := range [][2][]string{{got, want}, {compliance, wantCompliance}} {
			slices.Sort(pair[0])
			slices.Sort(pair[1])
			if !slices.Equal(pair[0], pair[1]) {
				t.Errorf("%s subscribes to %q, and %q are decoded", doc, pair[0], pair[1])
			}
		}
	}
}
