package shopify

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// selected is a field of a query, with those that the query selects of it.
type selected struct {
	name     string
	optional bool // whether it is there depends on the app's scopes
	fields   []selected
}

// eventFields are what an Event's data has: our query asks for all of it.
var eventFields = parseSelection(`order {` + strings.ReplaceAll(OrderSelection, ifPeople, "") +
	`} shop { ianaTimezone }`)

// fragment is the name of what a query selects only of objects of one type.
const fragment = "..."

var (
	arguments = regexp.MustCompile(`\([^)]*\)`)
	fragments = regexp.MustCompile(`\.\.\. on \w+`)
	tokens    = regexp.MustCompile(`[@\w.]+|[{}]`)
)

// parseSelection reads a selection of ours. It knows no more of GraphQL than those have.
func parseSelection(text string) []selected {
	text = fragments.ReplaceAllString(arguments.ReplaceAllString(text, ""), fragment)
	fields, _ := parseFields(tokens.FindAllString(text, -1))
	return fields
}

func parseFields(tokens []string) (fields []selected, rest []string) {
	for len(tokens) > 0 {
		token := tokens[0]
		tokens = tokens[1:]
		switch token {
		case "}":
			return fields, tokens
		case "{":
			fields[len(fields)-1].fields, tokens = parseFields(tokens)
		case "@include":
			fields[len(fields)-1].optional = true
		default:
			fields = append(fields, selected{name: token})
		}
	}
	return fields, nil
}

// maxLacks bounds how many missing fields a notice names.
const maxLacks = 100

// lacks collects the names of fields that a value lacks, each once.
type lacks []string

// Null is a value, and stands for all below it. Each element of a list has to have the fields.
func (l *lacks) of(value any, path string, fields []selected) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			l.of(element, path, fields)
		}
	case map[string]any:
		for i := range fields {
			l.field(v, path, &fields[i])
		}
	case nil:
	default:
		l.add(path)
	}
}

func (l *lacks) field(object map[string]any, path string, f *selected) {
	name := f.name
	if path != "" {
		name = path + "." + f.name
	}
	value, ok := object[f.name]
	switch {
	case f.name == fragment:
		if len(object) > 0 { // an object of another type is empty
			l.of(object, path, f.fields)
		}
	case !ok && f.optional:
	case !ok:
		l.add(name)
	case f.name == "pageInfo":
		l.page(object, path, value)
	case f.name == "nodes":
		l.of(value, path, f.fields)
	case len(f.fields) > 0:
		l.of(value, name, f.fields)
	}
}

// page names a list of which the body has the first page alone.
func (l *lacks) page(list map[string]any, path string, value any) {
	page, _ := value.(map[string]any)
	switch more, ok := page["hasNextPage"].(bool); {
	case !ok:
		l.add(path + ".pageInfo.hasNextPage")
	case more:
		nodes, _ := list["nodes"].([]any)
		l.add(fmt.Sprintf("%s (more than %d)", path, len(nodes)))
	}
}

func (l *lacks) add(name string) {
	name = strings.TrimPrefix(name, "order.")
	if len(*l) < maxLacks && !slices.Contains(*l, name) {
		*l = append(*l, name)
	}
}
