package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"bellhop"
	"bellhop/i18n"
	"bellhop/web"
)

// visit is one request of a signed-in person.
type visit struct {
	*http.Request
	w   http.ResponseWriter
	who web.Principal
	frame
	unmasked bool // an operator said why
	refused  bool // the page says what was wrong: nothing was changed
}

// visit begins a visit of somebody who may be signed in or not.
func (c *Console) visit(w http.ResponseWriter, r *http.Request) *visit {
	r.Body = http.MaxBytesReader(w, r.Body, web.MaxBody)
	return &visit{Request: r, w: w, frame: c.frame(r, bellhop.Person{})}
}

// frame is what the pages have in common.
type frame struct {
	Reader
	Person bellhop.Person    // zero for somebody not signed in
	Shop   string            // that the page is about; "" for none
	names  map[string]string // of the person's shops, by domain, where they have several
	At     string            // the section that it belongs to
	Self   string            // its address
	Notice *notice
	Lost   *lost // the access to the shop is gone
	Live   bool  // it shows changes by itself
	Seq    int64 // of the newest change that it shows
	Every  int   // it reloads after so many seconds; 0 for never
}

// Reader is a language and a clock: what somebody reads in.
type Reader struct {
	*i18n.Locale
	zone *time.Location
}

// ReaderOf chooses language and time zone: the person's settings go before the browser's.
func ReaderOf(r *http.Request, p bellhop.Person) Reader {
	said := ""
	if cookie, err := r.Cookie("bellhop_timezone"); err == nil && len(cookie.Value) < 64 {
		said, _ = url.QueryUnescape(cookie.Value)
	}
	language := i18n.For(p.Settings.Language, r.Header.Get("Accept-Language"))
	return Reader{language, p.Settings.Zone(bellhop.GuessTimezone(said))}
}

func (c *Console) frame(r *http.Request, p bellhop.Person) frame {
	return frame{Reader: ReaderOf(r, p), Person: p, Self: r.URL.RequestURI()}
}

// Path is an address of the console about the same shop, with a query of pairs. Of several values of a
// name the last one counts; an empty one leaves the name out.
func (f *frame) Path(path string, pairs ...string) string {
	if f.Shop != "" && (f.Person.Role == bellhop.RoleOperator || len(f.Person.Shops) > 1) {
		pairs = append(pairs, "shop", f.Shop)
	}
	return withQuery(path, pairs...)
}

// Manages reports whether the person may change the shop's people and settings.
func (f *frame) Manages() bool {
	return f.Shop != "" && (f.Person.Role == bellhop.RoleOperator || f.Person.RoleIn(f.Shop) == bellhop.RoleOwner)
}

// shopLink is the same page about another shop.
type shopLink struct {
	Label, Domain, URL string
	Here               bool
}

// nameShops looks up the names of the shops that somebody switches between.
func (c *Console) nameShops(v *visit) error {
	if len(v.Person.Shops) < 2 {
		return nil
	}
	v.names = map[string]string{}
	for _, m := range v.Person.Shops { // a few, MaxShops at most
		shop, err := c.Store.Shop(v.Context(), m.Shop)
		if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
			return err
		}
		v.names[m.Shop] = shop.Name
	}
	return nil
}

// ShopLabel is what a shop is called: its name, with the domain where another has the same one.
func (f *frame) ShopLabel(domain string) string {
	name := f.names[domain]
	if name == "" {
		return domain
	}
	for other, its := range f.names {
		if other != domain && its == name {
			return name + " (" + domain + ")"
		}
	}
	return name
}

// Switch lists the shops of somebody with several. The page stays, unless it is about one thing of a shop.
func (f *frame) Switch() (all []shopLink) {
	path, _, _ := strings.Cut(f.Self, "?")
	if strings.Count(path, "/") > 1 {
		path = "/"
	}
	for _, m := range f.Person.Shops {
		all = append(all, shopLink{f.ShopLabel(m.Shop), m.Shop, withQuery(path, "shop", m.Shop), m.Shop == f.Shop})
	}
	if len(all) < 2 {
		return nil
	}
	return all
}

func withQuery(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// In is a time on the reader's clock.
func (f *Reader) In(t time.Time) time.Time { return t.In(f.zone) }

// Moment writes a time on the reader's clock; "" when there is none.
func (f *Reader) Moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return f.When(f.In(t))
}

// Zone names the reader's clock.
func (f *Reader) Zone() string { return f.zone.String() }

// Languages lists the languages to choose from.
func (f *frame) Languages() []i18n.Language { return i18n.Languages() }

// label returns the words for a value that others define, such as Shopify's statuses, or the
// value itself if there are none.
func (f *frame) label(prefix, value string) string {
	if value == "" || strings.ContainsAny(value, ". ") || !f.Has(prefix+value) {
		return value
	}
	return f.T(prefix + value)
}

// comingBack returns the address to return to after signing in: the page, or a form's page.
func (v *visit) comingBack() string {
	back := v.RequestURI
	if v.Method != http.MethodGet {
		back = v.PostFormValue("back")
	}
	if back = LocalPath(back); back == "/" {
		return ""
	}
	return back
}

// LocalPath returns an address within the console, and "/" for any other.
func LocalPath(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(s, "/") ||
		strings.HasPrefix(s, "//") || strings.Contains(s, `\`) {
		return "/"
	}
	return u.RequestURI()
}

// back redirects the browser to the page that a form was on, with a notice.
func (v *visit) back(c *Console, n *notice) error {
	if n != nil {
		http.SetCookie(v.w, n.cookie(c.Proxies.HTTPS(v.Request)))
	}
	http.Redirect(v.w, v.Request, LocalPath(v.PostForm.Get("back")), http.StatusSeeOther)
	return nil
}

// looks reports whether the script looks for changes: nobody went to the page.
func (v *visit) looks() bool { return v.Header.Get("X-Bellhop-Look") != "" }

// live notes the stream's position. Call it before reading what the page shows: a change in
// between then shows twice rather than never.
func (v *visit) live(c *Console) (err error) {
	v.Live = true
	v.Seq, err = c.Store.LastChange(v.Context())
	return err
}
