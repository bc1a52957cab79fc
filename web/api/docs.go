package api

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"bellhop/events"
	"bellhop/web"
)

//go:embed docs.html
var docsHTML string

var docsPage = template.Must(template.New("docs").Parse(docsHTML))

// addDocuments adds the API's document, a page made from it that loads nothing from
// elsewhere, and the document of the events for other services.
func addDocuments(to web.Prepared, doc *huma.OpenAPI) error {
	body, err := indented(doc)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := docsPage.Execute(&page, docsOf(doc)); err != nil {
		return fmt.Errorf("writing the page of the API: %w", err)
	}
	to.Add("/v1/openapi.json", http.Header{"Content-Type": {"application/json"}}, body)
	to.Add("/v1/asyncapi.json", http.Header{"Content-Type": {"application/json"}}, events.AsyncAPI())
	to.Add("/docs", http.Header{
		"Content-Type": {"text/html; charset=utf-8"}, "Content-Security-Policy": {web.PagePolicy},
	}, page.Bytes())
	return nil
}

// docsView is the document as the page shows it.
type docsView struct {
	Title, Version, Description string
	Calls                       []docsCall
	Shapes                      []docsShape
}

type docsCall struct {
	Method, Path, Summary, Description string
	Public                             bool
	Parameters                         []docsField
	Body                               string // the shape of the request's
	Answers                            []docsAnswer
}

type docsAnswer struct{ Status, Shape string }

type docsShape struct {
	Name   string
	Fields []docsField
}

type docsField struct {
	Name, Where, Type, About string
	Required                 bool
}

func docsOf(doc *huma.OpenAPI) docsView {
	v := docsView{Title: doc.Info.Title, Version: doc.Info.Version, Description: doc.Info.Description}
	for _, op := range operations(doc) {
		v.Calls = append(v.Calls, callOf(op))
	}
	schemas := doc.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		v.Shapes = append(v.Shapes, docsShape{Name: name, Fields: fieldsOf(schemas[name])})
	}
	return v
}

func callOf(op *huma.Operation) docsCall {
	c := docsCall{
		Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		Public: len(op.Security) == 0,
	}
	for _, p := range op.Parameters {
		c.Parameters = append(c.Parameters, docsField{
			Name: p.Name, Where: p.In, Type: typeOf(p.Schema), About: p.Description, Required: p.Required,
		})
	}
	if op.RequestBody != nil {
		c.Body = contentOf(op.RequestBody.Content)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		c.Answers = append(c.Answers, docsAnswer{status, contentOf(op.Responses[status].Content)})
	}
	return c
}

func contentOf(content map[string]*huma.MediaType) string {
	for _, m := range content {
		return typeOf(m.Schema)
	}
	return "nothing"
}

func fieldsOf(s *huma.Schema) []docsField {
	var fields []docsField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		fields = append(fields, docsField{
			Name: name, Type: typeOf(p), About: p.Description, Required: slices.Contains(s.Required, name),
		})
	}
	return fields
}

// typeOf says in words what a schema allows.
func typeOf(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case len(s.AnyOf) > 0:
		var any []string
		for _, one := range s.AnyOf {
			any = append(any, typeOf(one))
		}
		return strings.Join(any, " or ")
	case len(s.Enum) > 0:
		var values []string
		for _, e := range s.Enum {
			values = append(values, fmt.Sprint(e))
		}
		return strings.Join(values, " | ")
	case s.Items != nil:
		return "list of " + typeOf(s.Items)
	}
	t := cmp.Or(s.Format, s.Type)
	if s.Nullable {
		t += " or null"
	}
	return t
}

// indented writes JSON for people.
func indented(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return append(b, '\n'), nil
}
