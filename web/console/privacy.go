package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/store"
	"bellhop/web"
)

// privacyView lists the requests for personal data of a shop, or of all for an operator.
type privacyView struct {
	*frame
	listing
	Rows []requestRow
}

type requestRow struct {
	ID, URL, Domain, Kind, State string
	Open, Late                   bool
	Received                     time.Time
	When, Due                    string
	Export                       bool // is ready
}

// requestView is the record of one.
type requestView struct {
	*frame
	requestRow
	Facts   []fact
	Steps   []stepRow
	Backups []fact
	Read    string // where its export can be read; "" for others than owners, and without one
	File    string
}

type stepRow struct{ Label, N, When, Note string }

// overseen admits the owners of a shop to its requests, and operators to those of all shops.
func (c *Console) overseen(handle func(*visit) error) func(*visit) error {
	ofShop := c.aboutShop(owners(handle))
	return func(v *visit) error {
		if v.who.Operator() && v.URL.Query().Get("shop") == "" {
			return handle(v)
		}
		return ofShop(v)
	}
}

var requestChoices = []choice[string]{{"", "requests.all"}, {"open", "requests.open"}}

func (c *Console) showRequests(v *visit) error {
	v.At = "settings"
	asked := v.URL.Query()
	show := asked.Get("show")
	if show != "" && show != "open" {
		return bellhop.Invalidf("show", "show is open, or nothing")
	}
	q := store.RequestQuery{Shop: v.Shop, Cursor: asked.Get("cursor"), Open: show == "open"}
	page, err := c.Store.Requests(v.Context(), q)
	if err != nil {
		return err
	}
	row := func(r *bellhop.PrivacyRequest) requestRow { return v.requestRow(r, c.Now()) }
	return c.show(v, "privacy", &privacyView{frame: &v.frame, Rows: web.Each(page.Requests, row),
		listing: listed(v, "/privacy", "show", requestChoices, show, q.Cursor, page.Next)})
}

// requestKinds are the names of the kinds in the catalogues.
var requestKinds = map[bellhop.RequestKind]string{bellhop.RequestGive: "give", bellhop.RequestForget: "forget",
	bellhop.RequestErase: "erase", bellhop.RequestEraseNow: "eraseNow"}

func (v *visit) requestRow(r *bellhop.PrivacyRequest, now time.Time) requestRow {
	row := requestRow{ID: web.ID(r.ID), URL: v.Path("/privacy/" + web.ID(r.ID)), Domain: r.Shop, Open: r.Open(),
		Kind: v.label("requests.kind.", requestKinds[r.Kind]), State: v.label("requests.outcome.", string(r.Outcome)),
		Received: r.ReceivedAt, When: v.Moment(r.ReceivedAt), Due: v.T("requests.due", "When", v.Moment(r.DueAt)),
		Export: r.HasExport(now)}
	if r.Open() {
		row.State, row.Late = v.T("requests.openOne"), r.DueAt.Sub(now) < bellhop.RequestLate
	}
	return row
}

func (c *Console) showRequest(v *visit) error {
	v.At = "settings"
	id, err := web.ParseID(v.PathValue("id"), "privacy_request")
	if err != nil {
		return err
	}
	r, err := c.Store.Request(v.Context(), v.Shop, id)
	if err != nil {
		return err
	}
	view := &requestView{frame: &v.frame, requestRow: v.requestRow(&r, c.Now()), Facts: v.requestFacts(&r)}
	for _, s := range r.Steps {
		row := stepRow{v.label("requests.step.", s.What), v.Number(s.N), v.T("requests.underWay"), s.Note}
		if !s.At.IsZero() {
			row.When = v.Moment(s.At)
		}
		view.Steps = append(view.Steps, row)
	}
	for _, b := range r.Backups {
		until := v.T("requests.untilUnknown")
		if !b.Until.IsZero() {
			until = v.T("requests.until", "When", v.Moment(b.Until))
		}
		view.Backups = append(view.Backups, fact{Label: b.Name, Value: v.Moment(b.MadeAt) + " · " + until})
	}
	if view.Export && v.who.Owns() {
		view.Read, view.File = v.Path("/privacy/"+view.ID+"/export"), v.Path("/privacy/"+view.ID+"/export.json")
	}
	return c.show(v, "request", view)
}

func (v *visit) requestFacts(r *bellhop.PrivacyRequest) (all []fact) {
	add := func(label, value string) {
		if value != "" {
			all = append(all, fact{Label: v.T(label), Value: value})
		}
	}
	by := r.By
	if by == "" {
		by = "Shopify"
	}
	add("requests.shop", r.Shop)
	add("requests.by", by)
	add("requests.requested", v.Moment(r.RequestedAt))
	add("requests.received", v.Moment(r.ReceivedAt))
	add("requests.dueAt", v.Moment(r.DueAt))
	add("requests.done", v.Moment(r.DoneAt))
	add("requests.process", r.Process)
	add("requests.exportAt", v.Moment(r.ExportAt))
	add("requests.exportUntil", v.Moment(r.ExportUntil))
	if !r.FetchedAt.IsZero() {
		add("requests.fetched", v.T("requests.fetchedBy", "Who", r.FetchedBy, "When", v.Moment(r.FetchedAt)))
	}
	return all
}

// waitingExport is where an owner finds an export that nobody fetched; "" for none.
func (c *Console) waitingExport(v *visit) (string, error) {
	if !v.who.Owns() {
		return "", nil
	}
	page, err := c.Store.Requests(v.Context(), store.RequestQuery{Shop: v.Shop})
	for i := range page.Requests {
		if r := &page.Requests[i]; r.HasExport(c.Now()) && r.FetchedAt.IsZero() {
			return v.Path("/privacy/" + web.ID(r.ID)), nil
		}
	}
	return "", err
}

// exportView is an export as people read it.
type exportView struct {
	*frame
	Back, File string
	Made       string
	Parts      []exportPart
	More       bool // the file has more than the page shows
}

type exportPart struct {
	Title string
	Items []exportItem
}

type exportItem struct {
	Title  string
	Fields []detail
}

func (c *Console) fetchExport(v *visit) ([]byte, error) {
	v.At = "settings"
	id, err := web.ParseID(v.PathValue("id"), "privacy_request")
	if err != nil {
		return nil, err
	}
	return web.FetchExport(v.Context(), c.Store, v.who, id, c.Now())
}

// downloadExport answers with the export as it was written.
func (c *Console) downloadExport(v *visit) error {
	export, err := c.fetchExport(v)
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="personal-data-%s.json"`, v.PathValue("id")))
	h.Set("Cache-Control", "no-store")
	_, _ = v.w.Write(export) // the client is gone if this fails
	return nil
}

func (c *Console) showExport(v *visit) error {
	text, err := c.fetchExport(v)
	if err != nil {
		return err
	}
	var e pipeline.Export
	if err := json.Unmarshal(text, &e); err != nil {
		return fmt.Errorf("read the export of a request: %w", err)
	}
	at := "/privacy/" + v.PathValue("id")
	r := &exportReader{left: maxShown}
	view := &exportView{frame: &v.frame, Back: v.Path(at), File: v.Path(at + "/export.json"), Made: v.Moment(e.MadeAt)}
	view.Parts = []exportPart{{v.T("order.customer"), []exportItem{r.item("", e.Customer)}},
		{v.T("requests.step.orders"), nil}, {v.T("requests.step.bodies"), nil}, {v.T("requests.step.dead_letters"), nil}}
	for i := range e.Orders {
		view.Parts[1].add(r, e.Orders[i].Name, e.Orders[i])
	}
	for i, all := range [][]pipeline.ExportWebhook{e.Webhooks, e.DeadLetters} {
		for _, w := range all {
			view.Parts[2+i].add(r, w.Topic+" · "+v.Moment(w.AcceptedAt), w)
		}
	}
	view.Parts = slices.DeleteFunc(view.Parts, func(p exportPart) bool { return len(p.Items) == 0 })
	view.More = r.left == 0 || len(e.LeftOut) > 0
	return c.render(v.w, http.StatusOK, "export", view)
}

func (p *exportPart) add(r *exportReader, title string, thing any) {
	if r.left > 0 {
		p.Items = append(p.Items, r.item(title, thing))
	}
}

// maxShown bounds the fields on the page of an export: the file has all.
const maxShown = 20_000

// exportReader reads things as fields.
type exportReader struct{ left int }

// item lists the fields of a thing that say something, under their names in the file.
func (r *exportReader) item(title string, thing any) exportItem {
	item := exportItem{Title: title}
	text, err := json.Marshal(thing)
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err == nil && d.Decode(&v) == nil {
		r.read(&item, "", v, maxMaskDepth)
	}
	return item
}

func (r *exportReader) read(to *exportItem, path string, v any, depth int) {
	if r.left == 0 || depth == 0 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			r.read(to, strings.TrimPrefix(path+"."+name, "."), v[name], depth-1)
		}
	case []any:
		for i, one := range v {
			r.read(to, path+" "+strconv.Itoa(i+1), one, depth-1)
		}
	default:
		if text := fmt.Sprint(v); v != nil && text != "" {
			r.left--
			to.Fields = append(to.Fields, detail{Label: path, Value: text})
		}
	}
}
