package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http/httptest"
	"net/netip"
	"testing"

	"bellhop"
)

// The table lists every kind.
func TestEveryKindHasAStatus(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			kinds += len(g.Specs)
		}
	}
	if kinds != len(statuses) {
		t.Errorf("there are %d kinds and %d statuses", kinds, len(statuses))
	}
	for k, want := range map[bellhop.Kind]int{
		bellhop.Internal: 500, bellhop.Invalid: 400, bellhop.Unauthenticated: 401,
		bellhop.Forbidden: 403, bellhop.NotFound: 404,
		bellhop.Conflict: 409, bellhop.TooLarge: 413, bellhop.RateLimited: 429, bellhop.Unavailable: 503,
		bellhop.Kind(200): 500,
	} {
		if got := statusOf(k); got != want {
			t.Errorf("kind %d has status %d, want %d", k, got, want)
		}
	}
	for _, status := range statuses {
		if status != 500 && codes[status] == "" {
			t.Errorf("status %d has no code", status)
		}
	}
}

func TestClientAddress(t *testing.T) {
	p := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for name, c := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"direct":                {"203.0.113.7:1", nil, "203.0.113.7"},
		"direct, with a claim":  {"203.0.113.7:1", []string{"198.51.100.1"}, "203.0.113.7"},
		"proxied":               {"10.0.0.1:1", []string{"203.0.113.7"}, "203.0.113.7"},
		"two proxies":           {"10.0.0.1:1", []string{"203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		"claim before the last": {"10.0.0.1:1", []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		"several headers":       {"10.0.0.1:1", []string{"198.51.100.1", "203.0.113.7", "10.0.0.9"}, "203.0.113.7"},
		"nothing said":          {"10.0.0.1:1", nil, "10.0.0.1"},
		"rubbish":               {"10.0.0.1:1", []string{"203.0.113.7, rubbish"}, "10.0.0.1"},
		"mapped":                {"[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		"IPv6":                  {"[2001:db8::1]:1", []string{"2001:4860::8888"}, "2001:4860::8888"},
		"no address":            {"@", nil, "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.forwarded
		if got := p.Client(r).String(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	everybody := Proxies{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "[2001:db8::1]:1"
	r.Header.Set("X-Forwarded-For", "10.0.0.1, 198.51.100.1, 203.0.113.7")
	if got := everybody.Client(r).String(); got != "203.0.113.7" {
		t.Errorf("behind a proxy of any address, a claim counts: %s", got)
	}
	a, b := Neighbourhood(netip.MustParseAddr("2001:db8::1")), Neighbourhood(netip.MustParseAddr("2001:db8::ffff:1"))
	if a != b || Neighbourhood(netip.MustParseAddr("192.0.2.1")) == Neighbourhood(netip.MustParseAddr("192.0.2.2")) {
		t.Errorf("%s and %s", a, b)
	}
}
