package chromium_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"bellhop/internal/realserver/chromium"
)

// A check that finds nothing anywhere says nothing of a page that it finds nothing
// in.
func TestFaultsAreFound(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(`<!doctype html><title>t</title><style>@media(prefers-color-scheme:dark){p{color:#000}}</style><main` +
			`><h1>x</h1><img src="a.png"><p>x</p></main>`))
	}))
	defer s.Close()
	tab := chromium.Open(t)
	if err := chromedp.Do(tab, chromium.Scheme("dark"), chromedp.Navigate(s.URL)); err != nil {
		t.Fatal(err)
	}
	found := strings.Join(chromium.Violations(t, tab), "\n")
	for _, want := range []string{"image-alt", "html-has-lang"} {
		if !strings.Contains(found, want) {
			t.Errorf("%s was not found in\n%s", want, found)
		}
	}
	if dark, err := chromedp.Run(tab,
		chromedp.Evaluate[bool](`matchMedia("(prefers-color-scheme: dark)").matches`)); err != nil || !dark {
		t.Errorf("the page is not shown dark: %v", err)
	}
}
