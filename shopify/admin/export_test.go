package admin

import "context"

// Operations are the texts of all queries and mutations, by name.
func Operations() map[string]string {
	all := map[string]string{}
	for _, o := range operations {
		all[o.name] = o.text
	}
	return all
}

// Ask makes a query of a test's own.
func Ask(ctx context.Context, s *Shop, name string, data any) error {
	return s.do(ctx, operation{name, "query " + name + " { shop { id } }"}, nil, data)
}
