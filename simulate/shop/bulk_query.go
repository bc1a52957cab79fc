package shop

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"bellhop/simulate"
)

// bulkQuery is what a bulk operation asks for: orders, and lists of each.
type bulkQuery struct {
	schema  *ast.Schema
	roots   *ast.Field       // orders
	own     ast.SelectionSet // of an order, without its lists
	lists   []*ast.Field
	grouped bool // an order's lists come behind it, not behind all orders
}

// readBulk reads the query of a bulk operation, and says why Shopify, or the twin, doesn't take it.
func readBulk(sdl *ast.Schema, text string) (*bulkQuery, string) {
	if strings.TrimSpace(text) == "" {
		return nil, "Invalid bulk query: syntax error, unexpected end of file"
	}
	doc, errs := gqlparser.LoadQueryWithRules(sdl, text, rules.NewDefaultRules())
	if errs != nil {
		return nil, "Invalid bulk query: " + errs[0].Message
	}
	if len(doc.Operations) != 1 || doc.Operations[0].Operation != ast.Query {
		return nil, "Invalid operation type. Only `query` operations are supported."
	}
	set := doc.Operations[0].SelectionSet
	c := &bulkCheck{}
	c.look(set, 0, false)
	if wrong := c.wrong(set); wrong != "" {
		return nil, wrong
	}
	roots, ok := set[0].(*ast.Field)
	if !ok || roots.Name != "orders" || len(set) != 1 {
		return nil, "The twin's bulk operations know orders alone."
	}
	q := &bulkQuery{schema: sdl, roots: roots}
	for _, f := range fields(inner(roots).SelectionSet) {
		switch {
		case !isConnection(f):
			q.own = append(q.own, f)
		case f.Name == "lineItems" || f.Name == "shippingLines":
			q.lists = append(q.lists, f)
		default:
			return nil, "The twin's bulk operations know no list of " + f.Name + "."
		}
	}
	return q, ""
}

// count is how many lines the file of some orders has.
func (q *bulkQuery) count(orders []*simulate.Delivery) int {
	n := len(orders)
	for _, f := range q.lists {
		for _, d := range orders {
			lines, shipping, removed := d.Lines()
			switch {
			case f.Name == "lineItems":
				n += lines
			case f.ArgumentMap(nil)["includeRemovals"] == true:
				n += shipping + removed
			default:
				n += shipping
			}
		}
	}
	return n
}

// parts make the file: each is called with all orders, one part after another, and makes lines of an order.
func (q *bulkQuery) parts() []func(object) []byte {
	root := func(order object) []byte { return append(q.order(order).out, '\n') }
	if !q.grouped {
		return []func(object) []byte{root, q.children}
	}
	return []func(object) []byte{func(order object) []byte { return append(root(order), q.children(order)...) }}
}

// order executes what is asked of an order itself.
func (q *bulkQuery) order(order object) *execution {
	e := &execution{schema: q.schema}
	e.object(q.schema.Types["Order"], order, q.own)
	return e
}

// children are the lines of an order's lists.
func (q *bulkQuery) children(order object) []byte {
	e := &execution{schema: q.schema}
	parent, _ := json.Marshal(order["id"]) // a text always encodes
	for _, f := range q.lists {
		node := inner(f)
		list, _ := order.member(f.Name)
		args := f.ArgumentMap(nil)
		args["first"] = int64(maxPage)
		for more := true; more; {
			v, err := list.(resolver)(args)
			if err != nil {
				return e.out
			}
			page := v.(object)
			for _, n := range page["nodes"].([]any) {
				e.object(q.schema.Types[node.Definition.Type.Name()], n.(object), node.SelectionSet)
				e.out = fmt.Appendf(e.out[:len(e.out)-1], ",\"__parentId\":%s}\n", parent)
			}
			info := page["pageInfo"].(object)
			args["after"], more = info["endCursor"], info["hasNextPage"].(bool)
		}
	}
	return e.out
}

// bulkCheck is what is wrong with the query of a bulk operation.
type bulkCheck struct {
	connections, depth int
	inList, topNode    bool
	byNodes, withoutID []string
}

func isConnection(f *ast.Field) bool {
	return strings.HasSuffix(f.Definition.Type.Name(), "Connection")
}

// fields are those of a selection, of its fragments too.
func fields(set ast.SelectionSet) (all []*ast.Field) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			all = append(all, s)
		case *ast.InlineFragment:
			all = append(all, fields(s.SelectionSet)...)
		case *ast.FragmentSpread:
			all = append(all, fields(s.Definition.SelectionSet)...)
		}
	}
	return all
}

// named returns a field of a selection; nil for none.
func named(set ast.SelectionSet, name string) *ast.Field {
	for _, f := range fields(set) {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// inner is the node of a connection's edges.
func inner(f *ast.Field) *ast.Field {
	if edges := named(f.SelectionSet, "edges"); edges != nil {
		return named(edges.SelectionSet, "node")
	}
	return nil
}

func (c *bulkCheck) look(set ast.SelectionSet, depth int, inList bool) {
	for _, f := range fields(set) {
		c.topNode = c.topNode || depth == 0 && (f.Name == "node" || f.Name == "nodes")
		if !isConnection(f) {
			c.look(f.SelectionSet, max(depth, 1), inList || f.Definition.Type.Elem != nil)
			continue
		}
		c.connections++
		c.inList = c.inList || inList
		node := inner(f)
		if node == nil {
			c.byNodes = append(c.byNodes, f.Name)
			continue
		}
		c.depth = max(c.depth, depth)
		before := c.connections
		c.look(node.SelectionSet, depth+1, inList)
		if id := named(node.SelectionSet, "id"); c.connections > before && (id == nil || id.Alias != "id") {
			c.withoutID = append(c.withoutID, f.Name)
		}
	}
}

// wrong is Shopify's refusal; "" for none.
func (c *bulkCheck) wrong(set ast.SelectionSet) string {
	switch {
	case c.topNode:
		return "Bulk queries cannot contain a top level `node` field."
	case c.byNodes != nil:
		return "All connection fields in a bulk query must select their contents using 'edges' > 'node', e.g: '" +
			c.byNodes[0] + " { edges { node {'. Selecting via 'nodes' is not supported. Invalid connection fields: '" +
			strings.Join(c.byNodes, "', '") + "'."
	case c.connections == 0:
		return "Bulk queries must contain at least one connection."
	case c.connections > maxConnections:
		return fmt.Sprintf("Bulk queries cannot contain more than %d connections.", maxConnections)
	case c.depth > maxNesting:
		return fmt.Sprintf("Bulk queries cannot contain connections with a nesting depth greater than %d.", maxNesting)
	case c.inList:
		return "Queries that contain a connection field within a list field are not currently supported."
	case c.withoutID != nil:
		return "The parent 'node' field for a nested connection must select the 'id' field without an alias and must be of " +
			"'ID' return type. Connection fields without 'id': " + strings.Join(c.withoutID, ", ") + "."
	}
	return ""
}
