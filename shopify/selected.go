package shopify

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// selected is a field of a query, with those that the query selects of it.
type selected struct {
	name     string
	path     string // the names of those above it and its own, as a notice names it
	optional bool   // whether it is there depends on the app's scopes
	nullable bool   // Shopify's schema lets it be null
	fields   []selected
}

// eventFields are what an Event's data has: our query asks for all of it. Most processes read no Event, and none waits
// for the parsing when it starts.
var eventFields = sync.OnceValue(func() *selected {
	return parseSelection(`order {` + strings.ReplaceAll(OrderSelection, ifPeople, "") + `} shop { ianaTimezone }`)
})

// nullables are the fields that Shopify's schema lets be null, and those that are null only below the field named with
// them. A null of another one is none of Shopify's: something took its value away.
var nullables = strings.Fields(`
	billingAddress shippingAddress firstName lastName company address1 address2 city zip province provinceCode country
	countryCodeV2 phone billingAddress.name shippingAddress.name
	cancelledAt closedAt cancelReason displayFinancialStatus email customerLocale note poNumber sourceName
	customer defaultEmailAddress defaultPhoneNumber value
	subtotalPriceSet totalDiscountsSet order.totalTaxSet originalTotalDutiesSet originalTotalAdditionalFeesSet
	currentTotalDutiesSet currentTotalAdditionalFeesSet rate
	variantTitle sku vendor lineItemGroup product shippingLines.id shippingLines.code
	displayStatus trackingInfo.number url fulfillmentLineItems.quantity
	refunds.createdAt duties refundLineItems.id reason`)

const (
	// fragment is the name of what a query selects only of objects of one type.
	fragment  = "..."
	nodesName = "nodes"
	pageName  = "pageInfo"
)

var (
	arguments = regexp.MustCompile(`\([^)]*\)`)
	fragments = regexp.MustCompile(`\.\.\. on \w+`)
	tokens    = regexp.MustCompile(`[@\w.]+|[{}]`)
)

// parseSelection reads a selection of ours. It knows no more of GraphQL than those have.
func parseSelection(text string) *selected {
	text = fragments.ReplaceAllString(arguments.ReplaceAllString(text, ""), fragment)
	var root selected
	root.fields, _ = parseFields(tokens.FindAllString(text, -1), "", "")
	return &root
}

// parseFields reads the fields below an owner, and what follows them. Their paths begin with prefix.
func parseFields(tokens []string, owner, prefix string) (fields []selected, rest []string) {
	for len(tokens) > 0 {
		token := tokens[0]
		tokens = tokens[1:]
		switch token {
		case "}":
			return fields, tokens
		case "{":
			f := &fields[len(fields)-1]
			below, path := f.name, f.path+"."
			if f.name == nodesName || f.name == fragment {
				below, path = owner, prefix
			}
			f.fields, tokens = parseFields(tokens, below, strings.TrimPrefix(path, "order."))
		case "@include":
			fields[len(fields)-1].optional = true
		default:
			nullable := slices.Contains(nullables, token) || slices.Contains(nullables, owner+"."+token)
			fields = append(fields, selected{name: token, path: prefix + token, nullable: nullable})
		}
	}
	return fields, nil
}

// maxLacks bounds how many missing fields a notice names.
const maxLacks = 100

// lacks collects the names of fields that a value lacks, each once.
type lacks []string

// of reports whether a value has the fields of f, and so each element of a list. The first element that lacks some
// says enough of its list.
func (l *lacks) of(value any, f *selected) bool {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			if !l.of(element, f) {
				return false
			}
		}
		return true
	case map[string]any:
		whole := true
		for i := range f.fields {
			whole = l.field(v, &f.fields[i]) && whole
		}
		return whole
	}
	return l.add(f.path)
}

func (l *lacks) field(object map[string]any, f *selected) bool {
	value, ok := object[f.name]
	switch {
	case f.name == fragment: // an object of another type is empty
		return len(object) == 0 || l.of(object, f)
	case !ok && f.optional, ok && value == nil && f.nullable:
		return true
	case value == nil:
		return l.add(f.path)
	case f.name == pageName:
		return l.page(object, f, value)
	case len(f.fields) > 0:
		return l.of(value, f)
	}
	if list, _ := value.([]any); slices.Contains(list, nil) {
		return l.add(f.path)
	}
	return true
}

// page names a list of which the body has the first page alone.
func (l *lacks) page(list map[string]any, f *selected, value any) bool {
	page, _ := value.(map[string]any)
	switch more, ok := page["hasNextPage"].(bool); {
	case !ok:
		return l.add(f.path + ".hasNextPage")
	case more:
		nodes, _ := list[nodesName].([]any)
		return l.add(fmt.Sprintf("%s (more than %d)", strings.TrimSuffix(f.path, "."+pageName), len(nodes)))
	}
	return true
}

// add names a field. It is false, as the answer to whether the field is there.
func (l *lacks) add(name string) bool {
	if len(*l) < maxLacks && !slices.Contains(*l, name) {
		*l = append(*l, name)
	}
	return false
}
