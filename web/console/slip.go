package console

import (
	"bellhop"
	"bellhop/web"
)

// slipView is a packing slip: what to put into the parcel, and where it goes. It has no prices.
type slipView struct {
	*frame
	Order    string
	OrderURL string
	Placed   string
	Shipping *addressView
	Ways     string // of shipping
	Items    []slipRow
	Note     string
	Masked   bool
}

type slipRow struct {
	itemRow
	Send string // how many
}

func (c *Console) showSlip(v *visit) error {
	o, err := c.order(v)
	if err != nil {
		return err
	}
	v.Live = false // paper stands still
	if v.masks() {
		o = web.MaskOrder(o)
	}
	row := v.orderRow(&o)
	view := &slipView{frame: &v.frame, Order: row.Name, OrderURL: row.URL, Placed: v.Date(v.In(o.PlacedAt)),
		Shipping: addressOf(o.Shipping), Note: o.Note, Masked: v.masks(),
		Ways: joined(o.ShippingLines, func(l *bellhop.ShippingLine) string { return l.Title })}
	for i := range o.Items {
		if it := &o.Items[i]; it.ToFulfil > 0 {
			view.Items = append(view.Items, slipRow{v.itemRow(&o, it), v.count(it.ToFulfil)})
		}
	}
	return c.show(v, "slip", view)
}
