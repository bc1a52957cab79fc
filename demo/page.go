package demo

import (
	"bytes"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop"
	"bellhop/web"
	"bellhop/web/console"
)

//go:embed page.html
var pageHTML string

//go:embed demo.css
var style []byte

var page = template.Must(template.New("").Parse(pageHTML))

const (
	pressPath = "/demo"
	stylePath = "/assets/demo.css"
)

// wrapped is a site with the demo on its page of orders.
type wrapped struct {
	site     http.Handler
	controls Controls
	auth     *web.Auth
	now      func() time.Time
}

// Wrap puts the demo on a site's page of orders, for owners.
func Wrap(site http.Handler, c Controls, s web.AuthStore, now func() time.Time, l *slog.Logger) http.Handler {
	d := &wrapped{site: site, controls: c, auth: web.NewAuth(s, nil, now), now: now}
	own := http.NewServeMux()
	fixed := web.Prepared{}
	fixed.Add(stylePath, http.Header{"Content-Type": {"text/css; charset=utf-8"}}, style)
	fixed.Routes(own)
	own.HandleFunc("POST "+pressPath, d.press)
	own.Handle("/", site)
	guarded := web.Guard(own, web.GuardOptions{InFlight: 64, Free: func(string) bool { return false }, Log: l})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == pressPath, r.URL.Path == stylePath:
			guarded.ServeHTTP(w, r)
		case r.URL.Path == "/" && r.Method == http.MethodGet:
			d.orders(w, r)
		default:
			site.ServeHTTP(w, r)
		}
	})
}

// press presses a button.
func (d *wrapped) press(w http.ResponseWriter, r *http.Request) {
	back, err := d.do(r)
	switch {
	case bellhop.KindOf(err) == bellhop.Unauthenticated:
		back = "/signin"
	case err != nil:
		web.WriteProblem(w, web.ProblemOf(err))
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (d *wrapped) do(r *http.Request) (back string, err error) {
	who, err := d.auth.Authenticate(r)
	switch {
	case err != nil:
		return "", err
	case !who.Credential.Session:
		return "", web.ErrSignIn
	case who.Person.Role != bellhop.RoleOwner:
		return "", bellhop.Errorf(bellhop.NotFound, "not_found", "there is nothing at this address")
	}
	action := Action(r.PostFormValue("do"))
	if action != Start && action != Mend && !slices.Contains(actions, action) {
		return "", bellhop.Invalidf("do", "there is no button %s", strconv.Quote(string(action)))
	}
	return console.LocalPath(r.PostFormValue("back")), d.controls.Do(r.Context(), action)
}

// answer keeps the site's page, for with.
type answer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// orders answers with the page of orders and the demo on it.
func (d *wrapped) orders(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, status: http.StatusOK}
	d.site.ServeHTTP(a, r)
	body := a.body.String()
	who, err := d.auth.Authenticate(r)
	if a.status == http.StatusOK && err == nil && who.Person.Role == bellhop.RoleOwner {
		if body, err = d.with(r, who.Person, body); err != nil {
			web.WriteProblem(w, web.ProblemOf(err))
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(body)) // the client is gone if this fails
}

// Where the demo goes in the site's page.
const (
	headEnds    = "</head>"
	mainBegins  = `<main id="content"`
	ordersBegin = `<section aria-labelledby="title">`
	ordersEnd   = "</section>\n</main>"
)

// with adds the demo to the page of orders.
func (d *wrapped) with(r *http.Request, p bellhop.Person, body string) (string, error) {
	v, err := d.view(r, p)
	if err != nil {
		return "", err
	}
	var line, phone strings.Builder
	if err := page.ExecuteTemplate(&line, "line", v); err != nil {
		return "", err
	}
	if err := page.ExecuteTemplate(&phone, "phone", v); err != nil {
		return "", err
	}
	return strings.NewReplacer(
		headEnds, `<link rel="stylesheet" href="`+stylePath+`">`+headEnds,
		mainBegins, mainBegins+` data-every="1"`,
		ordersBegin, `<div class="beside">`+ordersBegin+line.String(),
		ordersEnd, "</section>"+phone.String()+"</div>\n</main>",
	).Replace(body), nil
}

// view is the demo as the page of orders has it.
type view struct {
	console.Reader
	Self    string
	Buttons []button
	Phone   []Notification // newest first
	Terms   []term
	Sum     string
	Fetched string // "" for none
	Twice   string
	Holds   bool
	Trouble []string // what was stopped or broken
}

// button is On while it ends what another began.
type button struct {
	Action, Label string
	On            bool
}

type term struct{ N, Label string }

var actions = []Action{Order, Sale, Duplicates, Shuffle, Poison, Break, Stop}

func (d *wrapped) view(r *http.Request, p bellhop.Person) (*view, error) {
	v := &view{Reader: console.ReaderOf(r, p), Self: (&url.URL{Path: "/", RawQuery: r.URL.RawQuery}).String()}
	if r.Header.Get("X-Bellhop-Look") == "" { // else two viewers would take turns
		if err := d.controls.Speak(r.Context(), v.Language, v.Zone()); err != nil {
			return nil, err
		}
	}
	s, err := d.controls.State(r.Context())
	if err != nil {
		return nil, err
	}
	number := func(n int64) string { return v.Number(int(n)) }
	v.Sum, v.Twice, v.Holds = number(s.Acknowledged), number(s.Twice), s.Holds()
	for _, a := range actions {
		on := true
		switch {
		case a == Stop && !s.Works:
			a = Start
			v.Trouble = append(v.Trouble, v.T("demo.stopped"))
		case a == Break && s.Broken > 0:
			a = Mend
			v.Trouble = append(v.Trouble, v.T("demo.broken", "Span", v.Span(s.Broken.Round(time.Second))))
		default:
			on = false
		}
		v.Buttons = append(v.Buttons, button{string(a), v.T("demo.do." + string(a)), on})
	}
	if s.Fetched > 0 {
		v.Fetched = number(s.Fetched)
	}
	v.Phone = slices.Clone(s.Phone)
	slices.Reverse(v.Phone)
	for _, t := range []struct {
		n     int64
		words string
	}{{s.Recorded, "recorded"}, {s.Duplicate, "duplicate"}, {s.Stale, "stale"}, {s.Skipped, "skipped"},
		{s.Waiting, "waiting"}, {s.Leased, "leased"}, {s.Dead, "dead"}} {
		v.Terms = append(v.Terms, term{number(t.n), v.T("demo." + t.words)})
	}
	return v, nil
}
