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

// choice is one of the ways to narrow a list: a value of a parameter, "" for the whole list, and its words.
type choice[T ~string] struct {
	value T
	words string
}

// listed links a page of a list to its choices, of which one is on, and to its other pages. The
// query is that of the list.
func listed[T ~string](v *visit, path, param string, choices []choice[T], on T, cursor, next string,
	query ...string) (l listing) {
	for _, c := range choices {
		to := v.Path(path, append(query, param, string(c.value))...)
		l.Filters = append(l.Filters, filter{v.T(c.words), to, c.value == on})
	}
	query = append(query, param, string(on))
	if next != "" {
		l.Next = v.Path(path, append(query, "cursor", next)...)
	}
	if cursor != "" {
		l.First = v.Path(path, query...)
	}
	return l
}
