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
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"bellhop/events"
	"bellhop/web"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS []byte

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
	to.Add("/assets/docs.css", http.Header{"Content-Type": {"text/css; charset=utf-8"}}, docsCSS)
	to.Add("/docs", http.Header{
		"Content-Type": {"text/html; charset=utf-8"}, "Content-Security-Policy": {web.PagePolicy},
	}, page.Bytes())
	return nil
}

// docsView is the document as the page shows it.
type docsView struct {
	Title, Version  string
	SignIn, Problem string // examples
	Tags            []docsTag
	Codes           []web.CodeGroup
	Shapes          []docsShape
}

type docsTag struct {
	Name, Title, About string
	Calls              []docsCall
}

type docsCall struct {
	ID, Method, Path, Summary, Description, Credential string

	Parameters, Body []docsField
	Curl             string
	Answers          []docsAnswer
}

type docsAnswer struct{ Status, Shape, Link, Example string }

type docsShape struct {
	Name, About string
	Fields      []docsField
}

type docsField struct {
	Name, Where, Type, Link, About string
	Required                       bool
}

func docsOf(doc *huma.OpenAPI) docsView {
	v := docsView{Title: doc.Info.Title, Version: doc.Info.Version, Codes: web.Codes(),
		Problem: shown(doc.Components.Responses["Invalid"].Content[web.ProblemType].Example)}
	for _, t := range doc.Tags {
		tag := docsTag{Name: t.Name, Title: fmt.Sprint(t.Extensions["x-displayName"]), About: t.Description}
		for _, op := range operations(doc) {
			if slices.Contains(op.Tags, t.Name) {
				tag.Calls = append(tag.Calls, callOf(doc, op))
			}
		}
		v.Tags = append(v.Tags, tag)
	}
	v.SignIn = v.Tags[0].Calls[0].Curl + "\n\n" + shown(doc.Paths["/v1/sessions"].Post.Responses["200"].
		Content["application/json"].Example)
	schemas := doc.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		if s := schemas[name]; name != "ProblemCode" { // codes have a part of their own
			about := s.Description
			if len(s.OneOf) > 0 {
				about += " One of " + anyOf(s.OneOf) + "."
			}
			v.Shapes = append(v.Shapes, docsShape{Name: name, About: about, Fields: fieldsOf(s)})
		}
	}
	return v
}

func callOf(doc *huma.OpenAPI, op *huma.Operation) docsCall {
	c := docsCall{
		ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		Credential: "Needs a session or an API token.", Curl: curlOf(doc, op),
	}
	switch {
	case len(op.Security) == 0:
		c.Credential = "Needs no credential."
	case op.Security[0]["id_token"] != nil:
		c.Credential = "Needs an ID token of Shopify's."
	}
	for _, p := range op.Parameters {
		c.Parameters = append(c.Parameters, docsField{
			Name: p.Name, Where: p.In, Type: typeOf(p.Schema), About: p.Description, Required: p.Required,
		})
	}
	if op.RequestBody != nil {
		c.Body = fieldsOf(bodyOf(doc.Components.Schemas, op.RequestBody.Content))
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		if status[0] == '2' {
			c.Answers = append(c.Answers, answerOf(status, op.Responses[status]))
		}
	}
	return c
}

func answerOf(status string, r *huma.Response) docsAnswer {
	a := docsAnswer{Status: status, Shape: contentOf(r.Content)}
	for _, m := range r.Content {
		a.Link = linkOf(m.Schema)
		if m.Example != nil {
			a.Example = shown(m.Example)
		}
	}
	return a
}

// curlOf is a call as somebody types it.
func curlOf(doc *huma.OpenAPI, op *huma.Operation) string {
	server, path := doc.Servers[0].URL, op.Path
	if server == "/" {
		server = "https://bellhop.example.com"
	}
	var query []string
	e := exampler{doc.Components.Schemas}
	for _, p := range op.Parameters {
		value := fmt.Sprint(e.of(p.Name, p.Schema))
		if p.In == "path" {
			path = strings.Replace(path, "{"+p.Name+"}", value, 1)
		} else if p.Required || p.Name == "shop" && op.Method == http.MethodGet {
			query = append(query, p.Name+"="+url.QueryEscape(value))
		}
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	b := []string{"curl '" + server + path + "'"}
	if op.Method != http.MethodGet {
		b[0] = "curl -X " + op.Method + " '" + server + path + "'"
	}
	if len(op.Security) > 0 {
		b = append(b, `-H "Authorization: Bearer $TOKEN"`)
	}
	if op.RequestBody != nil {
		body, _ := json.Marshal(op.RequestBody.Content["application/json"].Example) // an example is a plain value
		b = append(b, "-H 'Content-Type: application/json'", "-d '"+strings.ReplaceAll(string(body), "'", `'\''`)+"'")
	}
	return strings.Join(b, " \\\n  ")
}

// shown is an example for people.
func shown(v any) string {
	b, _ := json.MarshalIndent(v, "", "  ") // examples are plain values
	return string(b)
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
			Name: name, Type: typeOf(p), Link: linkOf(p), About: p.Description,
			Required: slices.Contains(s.Required, name),
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
		return anyOf(s.AnyOf)
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

func anyOf(all []*huma.Schema) string {
	return strings.Join(web.Each(all, func(s **huma.Schema) string { return typeOf(*s) }), " or ")
}

// linkOf names the shape that a field, or each of a list, has; "" for none.
func linkOf(s *huma.Schema) string {
	switch {
	case s.Items != nil:
		return linkOf(s.Items)
	case len(s.AnyOf) > 0:
		return linkOf(s.AnyOf[0])
	}
	return strings.TrimPrefix(s.Ref, schemaRef)
}

// indented writes JSON for people.
func indented(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return append(b, '\n'), nil
}
