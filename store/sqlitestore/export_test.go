package sqlitestore

// The queries behind the list of orders, for the planner.
const (
	ListOrders    = `SELECT ` + orderColumns + ` ` + listOrders + listOrder
	ListOrdersNew = `SELECT ` + orderColumns + ` ` + listOrders + listHandling + listOrder
)
