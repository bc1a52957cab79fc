package simulate

import "bellhop"

// cash is an amount in the shop's currency and in the buyer's, each in its smallest unit. Both add
// up by themselves: only what has no parts is ever converted.
type cash struct{ shop, buyer int64 }

func (c cash) plus(d cash) cash      { return cash{c.shop + d.shop, c.buyer + d.buyer} }
func (c cash) minus(d cash) cash     { return cash{c.shop - d.shop, c.buyer - d.buyer} }
func (c cash) times(n int64) cash    { return cash{c.shop * n, c.buyer * n} }
func (c cash) part(n, of int64) cash { return cash{c.shop * n / of, c.buyer * n / of} }

// share is the part of c that d is of all.
func (c cash) share(d, all cash) cash {
	return cash{c.shop * d.shop / max(1, all.shop), c.buyer * d.buyer / max(1, all.buyer)}
}

// sums are an order's totals.
type sums struct{ subtotal, discounts, shipping, tax, tips, total cash }

// cash converts an amount of the shop's to the currency that the buyer saw.
func (o *order) cash(units int64) cash {
	if o.presentment == o.currency {
		return cash{units, units}
	}
	return cash{units, units * unitsPerDollar(o.presentment) / unitsPerDollar(o.currency)}
}

// digitsOf is how many digits Shopify writes. Of USDC, which ISO does not know, it has six.
func digitsOf(currency string) int {
	if currency == "USDC" {
		return 6
	}
	return bellhop.CurrencyDigits(currency)
}

func (o *order) money(units int64) bellhop.Money {
	return bellhop.Money{Units: units, Digits: uint8(o.digits), Currency: o.currency}
}

// amount is an amount as bellhop should know it.
func (o *order) amount(c cash) bellhop.Amount { return bellhop.Amount(o.money(c.shop).String()) }

// someAmount is "" for nothing.
func (o *order) someAmount(c cash) bellhop.Amount {
	if c.shop == 0 {
		return ""
	}
	return o.amount(c)
}

func (o *order) buyersMoney(c cash) bellhop.Money {
	return bellhop.Money{Units: c.buyer, Digits: uint8(o.presDigits), Currency: o.presentment}
}
