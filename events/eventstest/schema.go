package eventstest

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"bellhop/events"
)

// Described checks messages against the AsyncAPI document.
type Described struct {
	messages map[events.Type]*jsonschema.Schema
	seen     map[events.Type]bool
}

// Document reads the AsyncAPI document, which is a JSON Schema for each type of
// message. A field that it does not name may not be sent; AsyncAPI can't say so
// without forbidding the fields of later versions.
func Document(t testing.TB) *Described {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(events.AsyncAPI()))
	must(t, err)
	forbidOthers(doc)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	must(t, c.AddResource("asyncapi.json", doc))
	d := &Described{map[events.Type]*jsonschema.Schema{}, map[events.Type]bool{}}
	components := doc.(map[string]any)["components"].(map[string]any)
	for _, m := range components["messages"].(map[string]any) {
		message := m.(map[string]any)
		ref := message["payload"].(map[string]any)["$ref"].(string)
		schema, err := c.Compile("asyncapi.json" + ref)
		must(t, err)
		d.messages[events.Type(message["name"].(string))] = schema
	}
	return d
}

func forbidOthers(v any) {
	switch v := v.(type) {
	case map[string]any:
		if v["type"] == "object" && v["properties"] != nil {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			forbidOthers(inner)
		}
	case []any:
		for _, inner := range v {
			forbidOthers(inner)
		}
	}
}

// Check checks one message.
func (d *Described) Check(t testing.TB, body []byte) {
	t.Helper()
	var e struct{ Type events.Type }
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	schema := d.messages[e.Type]
	if schema == nil {
		t.Fatalf("the document knows no message %q", e.Type)
	}
	d.seen[e.Type] = true
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	must(t, err)
	if err := schema.Validate(v); err != nil {
		t.Errorf("the document does not describe this: %v\n%s", err, body)
	}
}

// Complete checks that a message of each type came, and that the document has no
// others.
func (d *Described) Complete(t testing.TB) {
	t.Helper()
	for _, kind := range events.Types() {
		if !d.seen[kind] {
			t.Errorf("no message of type %s was seen", kind)
		}
	}
	if len(d.messages) != len(events.Types()) {
		t.Errorf("the document describes %d messages, there are %d types", len(d.messages), len(events.Types()))
	}
}
