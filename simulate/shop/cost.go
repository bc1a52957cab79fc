package shop

import (
	"cmp"
	"math"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// What queries cost, in points: https://shopify.dev/docs/api/usage/rate-limits. Shopify doesn't publish how much a
// page costs; what it was seen to answer fits pageWeight.
const (
	maxCost        = 1000 // of one query
	bucketSize     = 2000 // of a shop's budget
	restoreShare   = 20   // of the budget, that comes back a second: one part of so many
	mutationCost   = 10
	connectionCost = 2 // and what it has in it
)

// pageWeight is how often a connection of n nodes counts what one node costs.
func pageWeight(n int) int {
	if n < 1 {
		return 0
	}
	return int(math.Round(1 + math.Log2(float64(n))))
}

// objectCost is what one object costs. Scalars are free, and so are money, and what pages and the answers of
// mutations are made of.
func objectCost(kind string) int {
	switch {
	case strings.HasSuffix(kind, "Connection"):
		return connectionCost
	case strings.HasSuffix(kind, "Edge"), strings.HasSuffix(kind, "Payload"), strings.HasSuffix(kind, "UserError"),
		kind == "PageInfo", kind == "MoneyBag", kind == "MoneyV2":
		return 0
	}
	return 1
}

// baseCost is that of an operation, beside its objects.
func baseCost(op *ast.OperationDefinition) int {
	if op.Operation == ast.Mutation {
		return mutationCost * len(op.SelectionSet)
	}
	return 0
}

// price is what an operation may cost at most. A list that isn't a connection counts as one object.
func (e *execution) price(op *ast.OperationDefinition) int {
	return baseCost(op) + e.priceOf(op.SelectionSet, 0)
}

// priceOf is the price of a selection in an object. It stops at what is too much anyway, so that the numbers stay
// small.
func (e *execution) priceOf(set ast.SelectionSet, depth int) (sum int) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if e.included(s.Directives) {
				sum += e.priceOfField(s, depth)
			}
		case *ast.InlineFragment:
			if e.included(s.Directives) {
				sum += e.priceOf(s.SelectionSet, depth)
			}
		case *ast.FragmentSpread:
			sum += e.priceOf(s.Definition.SelectionSet, depth)
		}
		if sum > maxCost || depth > maxDepth {
			return maxCost + 1
		}
	}
	return sum
}

func (e *execution) priceOfField(f *ast.Field, depth int) int {
	if len(f.SelectionSet) == 0 || f.Definition == nil {
		return 0
	}
	inside := e.priceOf(f.SelectionSet, depth+1)
	args := f.ArgumentMap(e.vars)
	switch kind := f.Definition.Type.Name(); {
	case strings.HasSuffix(kind, "Connection"):
		p, _ := readPage(args)
		return connectionCost + pageWeight(p.size)*inside
	case f.Name == "nodes" && args["ids"] != nil:
		ids, _ := args["ids"].([]any)
		return len(ids) * (objectCost(kind) + inside)
	case strings.HasSuffix(f.ObjectDefinition.Name, "Payload"): // the mutation's own price has it
		return inside
	default:
		return objectCost(kind) + inside
	}
}

// bucket is a shop's budget for queries. It fills up at a steady rate.
type bucket struct {
	capacity, left float64
	at             time.Time
}

func (b *bucket) rate() float64 { return b.capacity / restoreShare }

// resize makes it smaller or larger; 0 is its usual size.
func (b *bucket) resize(points int) {
	b.capacity = float64(cmp.Or(points, bucketSize))
	b.left = min(b.left, b.capacity)
}

func (b *bucket) fill(now time.Time) {
	if !b.at.IsZero() {
		b.left = min(b.capacity, b.left+b.rate()*now.Sub(b.at).Seconds())
	}
	b.at = now
}

func (b *bucket) take(points float64, now time.Time) bool {
	b.fill(now)
	if points > b.left {
		return false
	}
	b.left -= points
	return true
}

func (b *bucket) giveBack(points float64) { b.left = min(b.capacity, b.left+points) }

func (b *bucket) set(points float64, now time.Time) { b.left, b.at = min(b.capacity, points), now }

// cost is what an answer says of it; actual is nil where nothing was done.
func (s *shop) cost(requested int, actual any, now time.Time) map[string]any {
	s.bucket.fill(now)
	c := map[string]any{"requestedQueryCost": requested, "actualQueryCost": actual}
	if !s.faults.NoThrottle {
		c["throttleStatus"] = map[string]any{"maximumAvailable": s.bucket.capacity,
			"currentlyAvailable": float64(int(s.bucket.left)), "restoreRate": s.bucket.rate()}
	}
	return c
}
