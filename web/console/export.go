package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"bellhop"
	"bellhop/web"
)

// maxExports is how many exports run at once: each is a query of the whole list.
const maxExports = 4

// export answers with the list, as it is filtered, as CSV. Operators use the command, where the
// database is: a file of all customers is not for a browser of theirs.
func (c *Console) export(v *visit) error {
	if v.Person.Role == bellhop.RoleOperator {
		return bellhop.Errorf(bellhop.NotFound, "not_found", "there is nothing at this address")
	}
	a, err := v.askedOrders()
	if err != nil {
		return err
	}
	select {
	case c.exports <- struct{}{}:
		defer func() { <-c.exports }()
	default:
		return bellhop.Errorf(bellhop.RateLimited, "too_many_exports", "other exports are running; try again later")
	}
	out := &download{w: v.w, rc: http.NewResponseController(v.w), name: fmt.Sprintf("orders-%s-%s.csv",
		strings.TrimSuffix(v.Shop, ".myshopify.com"), v.In(c.Now()).Format(time.DateOnly))}
	from := web.NewExport(c.Store, v.Shop, v.who.Name(), c.Now())
	if err := web.Export(v.Context(), from, v.Shop, a.query, out); err != nil {
		if !out.begun {
			return err
		}
		c.Log.WarnContext(v.Context(), "an export broke off", "shop", v.Shop, "err", err)
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
	return nil
}

// download is a file that goes out as it is written. Who reads nothing of it for a while loses it.
type download struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	name  string
	begun bool
}

// downloadWrite is how long a client may take for some of the file.
const downloadWrite = 30 * time.Second

// Write implements io.Writer.
func (d *download) Write(p []byte) (int, error) {
	if !d.begun {
		d.begun = true
		h := d.w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
		h.Set("Cache-Control", "no-store")
	}
	_ = d.rc.SetWriteDeadline(time.Now().Add(downloadWrite)) // a connection without any has none
	return d.w.Write(p)
}
