package console

// listing is what the pages of a list have in common.
type listing struct {
	Filters []filter
	Next    string // address of the older ones; "" at the end
	First   string // address of the newest ones; "" on their page
}

// filter is one way to narrow a list.
type filter struct {
	Label, URL string
	On         bool
}

// choices are the ways to narrow a list, one at a time or none: values of a parameter. Their labels
// begin with a prefix; all is that of none.
type choices[T ~string] struct {
	param, all, prefix string
	values             []T
}

// listed links a page of a list to its choices, of which one is on, and to its other pages. The
// query is that of the list.
func listed[T ~string](v *visit, path string, c choices[T], on T, cursor, next string, query ...string) (l listing) {
	for _, value := range append([]T{""}, c.values...) {
		label := c.all
		if value != "" {
			label = c.prefix + string(value)
		}
		to := v.Path(path, append(query, c.param, string(value))...)
		l.Filters = append(l.Filters, filter{v.T(label), to, value == on})
	}
	query = append(query, c.param, string(on))
	if next != "" {
		l.Next = v.Path(path, append(query, "cursor", next)...)
	}
	if cursor != "" {
		l.First = v.Path(path, query...)
	}
	return l
}
