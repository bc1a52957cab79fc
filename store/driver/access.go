package driver

import (
	"bellhop"
	"bellhop/store"
)

// AccessFilter is a column of the access log with the value that it has to have.
type AccessFilter struct{ Column, Value string }

// AccessFilters are the filters of a query. Lines of a shop are in an index that has no lines without one.
func AccessFilters(q store.AccessQuery) (all []AccessFilter) {
	for _, f := range [...]AccessFilter{{"shop <> '' AND shop", q.Shop}, {"about", q.About}, {"email", q.By}} {
		if f.Value != "" {
			all = append(all, f)
		}
	}
	return all
}

// AccessCursor is the cursor of a page of accesses that ends with l.
func AccessCursor(l *bellhop.Access) string { return Cursor(l.At.UnixMicro(), l.ID) }
