package admin

import (
	"context"
	"time"
)

// Operations are the texts of all queries and mutations, by name.
func Operations() map[string]string {
	all := map[string]string{}
	for _, o := range operations {
		all[o.name] = o.text
	}
	for _, scopes := range [][]string{nil, everyScope} {
		all["orders"] = ordersInBulk(window("created_at", time.Unix(0, 0), time.Unix(1, 0)), new(Shop).may(scopes))
	}
	return all
}

var everyScope = []string{"read_orders", "read_customers", "read_products"}

// Ask makes a query of a test's own.
func Ask(ctx context.Context, s *Shop, name string, data any) error {
	return s.do(ctx, operation{name, "query " + name + " { shop { id } }"}, nil, data)
}
