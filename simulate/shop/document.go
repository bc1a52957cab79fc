package shop

import (
	"cmp"
	"encoding/json"
	"math/big"
	"strings"
)

// document is an order as a webhook has it, or a part of one. It becomes what GraphQL has of the same order.
type document map[string]any

func (d document) text(key string) string {
	s, _ := d[key].(string)
	return s
}

// orNil is a text, null where it is missing or empty.
func (d document) orNil(key string) any {
	if s := d.text(key); s != "" {
		return s
	}
	return nil
}

// amount is a text, or a number as older bodies have it.
func (d document) amount(key string) string { return cmp.Or(d.text(key), d.id(key)) }

// texts is a list of texts.
func (d document) texts(key string) []any {
	all, _ := d[key].([]any)
	return append([]any{}, all...)
}

// id is a number, as it is written.
func (d document) id(key string) string {
	n, _ := d[key].(json.Number)
	return n.String()
}

func (d document) int(key string) int64 {
	n, _ := d[key].(json.Number)
	i, _ := n.Int64()
	return i
}

// intOr is other where there is no number.
func (d document) intOr(key string, other int64) int64 {
	if d.id(key) == "" {
		return other
	}
	return d.int(key)
}

func (d document) on(key string) bool {
	b, _ := d[key].(bool)
	return b
}

// doc is nil for null, too.
func (d document) doc(key string) document {
	m, _ := d[key].(map[string]any)
	return m
}

func (d document) list(key string) (all []document) {
	items, _ := d[key].([]any)
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

// each makes a list of a list.
func each[T any](all []T, do func(T) object) []any {
	list := []any{}
	for _, d := range all {
		list = append(list, do(d))
	}
	return list
}

// upperOrNil is the name of an enum's value.
func (d document) upperOrNil(key string) any {
	if s := d.text(key); s != "" {
		return strings.ToUpper(s)
	}
	return nil
}

// money is an amount in the shop's currency and in the buyer's.
type money [2]*big.Rat

// money reads a member such as total_price_set; where there is none, total_price is in both currencies.
func (d document) money(key string) money {
	set := d.doc(key)
	var m money
	for i, side := range []string{"shop_money", "presentment_money"} {
		amount := set.doc(side).amount("amount")
		if set == nil {
			amount = d.amount(strings.TrimSuffix(key, "_set"))
		}
		r, ok := new(big.Rat).SetString(amount)
		if !ok {
			r = new(big.Rat)
		}
		m[i] = r
	}
	return m
}

func (m money) plus(n money) money {
	return money{new(big.Rat).Add(m[0], n[0]), new(big.Rat).Add(m[1], n[1])}
}

func (m money) minus(n money) money {
	return money{new(big.Rat).Sub(m[0], n[0]), new(big.Rat).Sub(m[1], n[1])}
}

func (m money) times(n int64) money {
	r := new(big.Rat).SetInt64(n)
	return money{new(big.Rat).Mul(m[0], r), new(big.Rat).Mul(m[1], r)}
}

var none = money{new(big.Rat), new(big.Rat)}

// part divides among so many.
func (m money) part(n int64) money {
	r := big.NewRat(1, n)
	return money{new(big.Rat).Mul(m[0], r), new(big.Rat).Mul(m[1], r)}
}
