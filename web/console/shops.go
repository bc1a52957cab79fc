package console

// shopsView lists the shops that an operator chooses from.
type shopsView struct {
	*frame
	Rows []shopRow
}

type shopRow struct {
	Domain, URL, Last string
	Signer            string // which secret signed the last webhook; "" before there is one
	Disabled          bool
}

func (c *Console) showShops(v *visit) error {
	v.At = "shops"
	shops, err := c.Store.Shops(v.Context())
	if err != nil {
		return err
	}
	view := &shopsView{frame: &v.frame}
	for _, s := range shops {
		row := shopRow{Domain: s.Domain, URL: withQuery("/", "shop", s.Domain), Disabled: s.Disabled,
			Last: v.T("shops.never")}
		if !s.LastEventAt.IsZero() {
			row.Last = v.T("shops.last", "When", v.Moment(s.LastEventAt))
			row.Signer = v.label("shops.signer.", string(s.LastSignedBy))
		}
		view.Rows = append(view.Rows, row)
	}
	return c.show(v, "shops", view)
}
