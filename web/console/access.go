package console

import (
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// accessView is the access log of a shop.
type accessView struct {
	*frame
	listing
	Rows []accessLine
}

// accessLine is a line of it.
type accessLine struct {
	ID             int64
	By, What       string
	About, Reason  string
	OrderURL, When string
	At             time.Time
}

// accessWords say what an access was.
var accessWords = map[string]string{bellhop.AccessOrder: "accesses.order", bellhop.AccessBody: "accesses.body",
	bellhop.AccessDropped: "accesses.dropped", bellhop.AccessExport: "accesses.export",
	bellhop.AccessGiven: "accesses.given", bellhop.AccessRead: "accesses.read", bellhop.AccessChange: "accesses.change"}

// showAccess shows who saw or exported the shop's personal data, and what operators changed.
func (c *Console) showAccess(v *visit) error {
	v.At = "settings"
	q := store.AccessQuery{Shop: v.Shop, Cursor: v.URL.Query().Get("cursor")}
	page, err := c.Store.Accesses(v.Context(), q)
	if err != nil {
		return err
	}
	view := &accessView{frame: &v.frame, Rows: web.Each(page.Accesses, v.accessLine)}
	if page.Next != "" {
		view.Next = v.Path("/access", "cursor", page.Next)
	}
	if q.Cursor != "" {
		view.First = v.Path("/access")
	}
	return c.show(v, "access", view)
}

func (v *visit) accessLine(l *bellhop.Access) accessLine {
	a := web.AccessOf(l)
	row := accessLine{ID: l.ID, By: a.By, What: a.What, About: a.About, Reason: a.Reason, At: a.At, When: v.Moment(a.At)}
	if words := accessWords[a.What]; words != "" {
		row.What = v.T(words, "N", v.count(a.Count))
	}
	if name, ok := strings.CutPrefix(a.By, "token "); ok {
		row.By = v.T("accesses.token", "Name", name)
	}
	if a.What == bellhop.AccessRead { // of a whole day, by the clock of the log
		row.When = v.Date(a.At)
	}
	if id, ok := strings.CutPrefix(a.About, l.Shop+"/"); ok {
		row.OrderURL, row.About = v.Path("/orders/"+id), v.T("accesses.anOrder")
	}
	return row
}

// logChange logs what an operator changed. That they saw personal data is in the access log already,
// and what was refused changed nothing.
func (c *Console) logChange(v *visit) {
	if !v.unmasked && !v.refused {
		web.LogChange(c.Log, c.Store, c.Now(), v.Request, v.who, v.Shop)
	}
}
