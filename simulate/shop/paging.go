package shop

import (
	"fmt"
	"slices"
	"strconv"
)

// page is what a connection's arguments ask for.
type page struct {
	size          int
	last          bool // from the end
	after, before string
}

// maxPage is the most that a connection returns at once.
const maxPage = 250

func readPage(args map[string]any) (p page, err error) {
	p.after, _ = args["after"].(string)
	p.before, _ = args["before"].(string)
	name := "first"
	n, ok := args[name].(int64)
	if !ok {
		name = "last"
		n, p.last = args[name].(int64)
		ok = p.last
	}
	switch {
	case !ok:
		return p, &apiError{Message: "you must provide one of first or last", Extensions: badRequest}
	case n < 0:
		return p, &apiError{Message: name + " cannot be negative", Extensions: badRequest}
	case n > maxPage:
		return p, &apiError{Message: fmt.Sprintf("%s cannot exceed %d", name, maxPage), Extensions: badRequest}
	}
	p.size = int(n)
	return p, nil
}

// cut narrows the places from and to to a page.
func (p page) cut(from, to int) (int, int) {
	if p.last {
		return max(from, to-p.size), to
	}
	return from, min(to, from+p.size)
}

var badRequest = map[string]any{"code": "BAD_REQUEST"}

// paged is a connection's answer.
func paged(nodes []any, cursors []string, before, after bool) object {
	edges := []any{}
	for i, n := range nodes {
		edges = append(edges, object{"cursor": cursors[i], "node": n})
	}
	info := object{"hasPreviousPage": before, "hasNextPage": after, "startCursor": nil, "endCursor": nil}
	if len(cursors) > 0 {
		info["startCursor"], info["endCursor"] = cursors[0], cursors[len(cursors)-1]
	}
	return object{"nodes": nodes, "edges": edges, "pageInfo": info, pageSize: len(nodes)}
}

// firstOf is a list that takes "first".
func firstOf[T any](all []T, do func(T) object) resolver {
	return func(args map[string]any) (any, error) {
		n, ok := args["first"].(int64)
		if !ok || n < 0 {
			n = int64(len(all))
		}
		return each(all[:min(int(n), len(all))], do), nil
	}
}

// connection pages over a list that is whole in memory. A cursor is a place in it, from 1.
func connection[T any](all []T, do func(T) object) resolver {
	return func(args map[string]any) (any, error) {
		p, err := readPage(args)
		if err != nil {
			return nil, err
		}
		if args["reverse"] == true {
			all = slices.Clone(all)
			slices.Reverse(all)
		}
		from, to := 0, len(all)
		if n, err := strconv.Atoi(p.after); err == nil {
			from = min(max(0, n), len(all))
		}
		if n, err := strconv.Atoi(p.before); err == nil {
			to = min(max(from, n-1), len(all))
		}
		from, to = p.cut(from, to)
		var cursors []string
		for i := from; i < to; i++ {
			cursors = append(cursors, strconv.Itoa(i+1))
		}
		return paged(each(all[from:to], do), cursors, from > 0, to < len(all)), nil
	}
}
