package shop

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// object is a value of a GraphQL object type. Each member is a scalar, an object, a slice of them, or a resolver.
type object map[string]any

// theRest is the name of a member that makes the members that aren't there, once one of them is asked for.
const theRest = ""

// member returns a member, and whether there is one of that name.
func (o object) member(name string) (any, bool) {
	v, known := o[name]
	if rest, ok := o[theRest].(func() object); ok && !known {
		delete(o, theRest)
		maps.Copy(o, rest())
		v, known = o[name]
	}
	return v, known
}

// resolver computes a member from the field's arguments. It may return an *apiError.
type resolver func(args map[string]any) (any, error)

// apiError is an entry of an answer's errors.
type apiError struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"`
}

func (e *apiError) Error() string { return e.Message }

// execution executes one operation: https://spec.graphql.org/October2021/#sec-Execution. It appends the answer's
// data to out.
type execution struct {
	schema *ast.Schema
	vars   map[string]any
	out    []byte
	path   []any
	errs   []*apiError
	cost   int // of what the answer has
}

// execute returns the answer's data.
func (e *execution) execute(op *ast.OperationDefinition, root object) json.RawMessage {
	kind := e.schema.Query
	if op.Operation == ast.Mutation {
		kind = e.schema.Mutation
	}
	if !e.object(kind, root, op.SelectionSet) {
		return json.RawMessage("null")
	}
	return e.out
}

// object appends an object. It returns false, and appends nothing, where a member is null that may not be.
func (e *execution) object(kind *ast.Definition, v object, set ast.SelectionSet) bool {
	begun := len(e.out)
	e.out = append(e.out, '{')
	for i, f := range e.collect(kind, set, nil) {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.out = append(strconv.AppendQuote(e.out, f.Alias), ':')
		e.path = append(e.path, f.Alias)
		ok := e.field(kind, v, f)
		e.path = e.path[:len(e.path)-1]
		if !ok {
			e.out = e.out[:begun]
			return false
		}
	}
	e.out = append(e.out, '}')
	return true
}

// collect returns the fields of a selection, those of one name put together.
func (e *execution) collect(kind *ast.Definition, set ast.SelectionSet, all []*ast.Field) []*ast.Field {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if e.included(s.Directives) {
				all = join(all, s)
			}
		case *ast.InlineFragment:
			if e.included(s.Directives) && e.applies(s.TypeCondition, kind) {
				all = e.collect(kind, s.SelectionSet, all)
			}
		case *ast.FragmentSpread:
			if e.included(s.Directives) && e.applies(s.Definition.TypeCondition, kind) {
				all = e.collect(kind, s.Definition.SelectionSet, all)
			}
		}
	}
	return all
}

func join(all []*ast.Field, f *ast.Field) []*ast.Field {
	for i, have := range all {
		if have.Alias == f.Alias {
			both := *have
			both.SelectionSet = append(append(ast.SelectionSet{}, have.SelectionSet...), f.SelectionSet...)
			all[i] = &both
			return all
		}
	}
	return append(all, f)
}

func (e *execution) included(directives ast.DirectiveList) bool {
	for _, d := range directives {
		on, _ := d.ArgumentMap(e.vars)["if"].(bool)
		if d.Name == "skip" && on || d.Name == "include" && !on {
			return false
		}
	}
	return true
}

// applies reports whether a fragment on a type is for an object of another.
func (e *execution) applies(condition string, kind *ast.Definition) bool {
	if condition == "" || condition == kind.Name {
		return true
	}
	for _, d := range e.schema.PossibleTypes[condition] {
		if d.Name == kind.Name {
			return true
		}
	}
	return false
}

func (e *execution) field(kind *ast.Definition, v object, f *ast.Field) bool {
	if f.Name == "__typename" {
		e.out = strconv.AppendQuote(e.out, kind.Name)
		return true
	}
	value, known := v.member(f.Name)
	var err error
	if r, ok := value.(resolver); ok {
		value, err = r(f.ArgumentMap(e.vars))
	} else if !known {
		err = &apiError{Message: fmt.Sprintf("The twin doesn't have %s.%s.", kind.Name, f.Name)}
	}
	if err != nil {
		e.fail(err)
		value = nil
	}
	return e.value(f.Definition.Type, value, f, err != nil)
}

// fail notes an error at the path where the execution is.
func (e *execution) fail(err error) {
	entry := &apiError{Message: err.Error()}
	if a, ok := err.(*apiError); ok {
		entry.Extensions = a.Extensions
	}
	entry.Path = append([]any{}, e.path...)
	e.errs = append(e.errs, entry)
}

// value appends a value of a type; told says that an error explains already why it is null.
func (e *execution) value(t *ast.Type, v any, f *ast.Field, told bool) bool {
	if v == nil {
		if t.NonNull {
			if !told {
				e.fail(&apiError{Message: "Cannot return null for non-nullable field " + f.Name})
			}
			return false
		}
		e.out = append(e.out, "null"...)
		return true
	}
	if t.Elem != nil {
		return e.orNull(t, e.list(t, v.([]any), f))
	}
	if o, ok := v.(object); ok {
		return e.orNull(t, e.costly(t.Name(), o, f))
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the twin's own scalars
	}
	e.out = append(e.out, b...)
	return true
}

// costly appends an object, and adds up what it costs.
func (e *execution) costly(kind string, o object, f *ast.Field) bool {
	before := e.cost
	ok := e.object(e.kindOf(f.Definition.Type, o), o, f.SelectionSet)
	inside := e.cost - before
	n, isPage := o[pageSize].(int)
	switch {
	case isPage && n == 0: // Shopify doesn't give back what an empty page could have cost
		e.cost = before + e.priceOfField(f, 0)
	case isPage:
		e.cost = before + connectionCost + (inside*pageWeight(n)+n-1)/n
	case !strings.HasSuffix(f.ObjectDefinition.Name, "Payload"):
		e.cost += objectCost(kind)
	}
	return ok
}

// pageSize is the name of a member of connections: how many nodes it has.
const pageSize = "\x00"

// orNull lets a null go up no further than it must.
func (e *execution) orNull(t *ast.Type, ok bool) bool {
	if !ok && !t.NonNull {
		e.out = append(e.out, "null"...)
		return true
	}
	return ok
}

// kindOf is an object's own type, which it names itself where the field's type is an interface.
func (e *execution) kindOf(t *ast.Type, o object) *ast.Definition {
	if name, ok := o["__typename"].(string); ok {
		return e.schema.Types[name]
	}
	return e.schema.Types[t.Name()]
}

func (e *execution) list(t *ast.Type, all []any, f *ast.Field) bool {
	begun, before := len(e.out), e.cost
	defer func() { // what isn't in pages counts once
		if name := f.Name; len(all) > 1 && name != "nodes" && name != "edges" {
			e.cost = before + (e.cost-before+len(all)-1)/len(all)
		}
	}()
	e.out = append(e.out, '[')
	for i, v := range all {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.path = append(e.path, i)
		ok := e.value(t.Elem, v, f, false)
		e.path = e.path[:len(e.path)-1]
		if !ok {
			e.out = e.out[:begun]
			return false
		}
	}
	e.out = append(e.out, ']')
	return true
}
