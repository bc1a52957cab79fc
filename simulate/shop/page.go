package shop

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
)

//go:embed page.html
var pageHTML string

var pages = template.Must(template.New("").Parse(pageHTML))

// show writes a page. It is made whole first, so that a fault in it is no half page.
func show(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	b.WriteTo(w)
}

func (t *Twin) showError(w http.ResponseWriter, status int, text string) {
	show(w, status, "error", text)
}

// serveShops lists the shops; where there is one it leads there.
func (t *Twin) serveShops(w http.ResponseWriter, r *http.Request) {
	if shops := t.opt.Orders.Shops; len(shops) > 1 {
		show(w, http.StatusOK, "shops", shops)
	} else {
		http.Redirect(w, r, "/"+shops[0]+"/admin", http.StatusSeeOther)
	}
}

// adminPage is what the page of a shop shows.
type adminPage struct {
	State
	App      string
	Newest   []orderRow
	JSON     string // of the faults
	Webhooks []Webhook
}

// orderRow is an order on the page.
type orderRow struct {
	Name, Placed, Status string
	ID                   int64
}

const newestOrders = 10

func (t *Twin) serveAdmin(w http.ResponseWriter, r *http.Request, s *shop) {
	st, err := t.State(s.domain)
	if err != nil {
		answer(w, nil, err)
		return
	}
	faults, err := json.MarshalIndent(st.Faults, "", "  ")
	if err != nil {
		answer(w, nil, err)
		return
	}
	p := adminPage{State: st, App: t.opt.App, JSON: string(faults), Webhooks: t.opt.Webhooks}
	t.mu.Lock()
	ids := s.orders.ids
	for _, id := range slices.Backward(ids[max(0, len(ids)-newestOrders):]) {
		r := s.orders.byID[id]
		f := r.latest.Facts()
		if r.deleted() {
			f.Financial = "deleted"
		}
		p.Newest = append(p.Newest, orderRow{fmt.Sprintf("#%d", f.Number), stamp(f.Created), f.Financial, id})
	}
	t.mu.Unlock()
	show(w, http.StatusOK, "admin", p)
}

// pressed is a button of that page.
func (t *Twin) pressed(w http.ResponseWriter, r *http.Request, s *shop) {
	c := &command{Shop: s.domain, Updates: 1, Topic: r.FormValue("topic"), Faults: json.RawMessage(r.FormValue("faults")),
		Visitor: Visitor{User: r.FormValue("user")}}
	c.Scopes, _ = ParseScopes(r.FormValue("scopes"))
	var err error
	for name, to := range map[string]*int{"orders": &c.Orders, "late": &c.LateSeconds} {
		if text := r.FormValue(name); text != "" && err == nil {
			*to, err = strconv.Atoi(text)
		}
	}
	if err == nil {
		err = t.do(r.FormValue("do"), c)
	}
	if err != nil {
		t.showError(w, http.StatusBadRequest, message(err))
		return
	}
	http.Redirect(w, r, "/"+s.domain+"/admin", http.StatusSeeOther)
}

// ComplianceWebhooks are the subscriptions that each app's configuration must have, at one address.
func ComplianceWebhooks(uri string) (all []Webhook) {
	for _, topic := range complianceTopics {
		all = append(all, Webhook{Topic: topic, URI: uri})
	}
	return all
}
