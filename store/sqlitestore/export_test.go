package sqlitestore

import (
	"strings"

	"bellhop/store"
	"bellhop/store/driver"
)

// ListText is the query behind a list of orders, for the planner.
func ListText(q store.OrderQuery) string {
	l, err := driver.ParseList(q)
	if err != nil {
		panic(err)
	}
	text := driver.Query{}
	text.Add(`SELECT o.no FROM orders o WHERE o.shop_id = ?`, int64(1))
	l.Where(&text, micro)
	text.Add(l.Order())
	return strings.ReplaceAll(text.Text, "$", "?")
}

// OldOrders is the query of [DB.OldOrders], for the planner.
const OldOrders = `SELECT o.no` + oldOrders

// HeadsBetween is the query of [DB.HeadsBetween], for the planner.
func HeadsBetween(by store.Sort) string {
	column, err := driver.WindowColumn(by, 1)
	if err != nil {
		panic(err)
	}
	return headsBetween(column)
}

// Stamps and Fates are the queries of [DB.LedgerStamps] and [DB.Fates], for the planner.
const (
	Stamps = stamps
	Fates  = fates
)

// StatementsText is the query of [DB.Statements], for the planner.
func StatementsText(q store.StatementQuery) string {
	list, err := driver.StatementList(q, micro)
	if err != nil {
		panic(err)
	}
	return strings.ReplaceAll(list.Text, "$", "?")
}
