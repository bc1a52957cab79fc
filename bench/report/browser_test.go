package report_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"

	"bellhop/bench/report"
	"bellhop/internal/realserver/chromium"
)

// TestTheReportInABrowser shows it on a phone and on a desk, light and dark.
func TestTheReportInABrowser(t *testing.T) {
	c := comparison()
	c.Interrupted = true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := report.HTML(w, c); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	tab := chromium.Open(t)
	if err := chromedp.Do(tab, chromedp.Navigate(s.URL)); err != nil {
		t.Fatal(err)
	}
	chromium.Check(t, tab, "the report")
	for _, width := range []int64{360, 1280} {
		if err := chromedp.Do(tab, chromedp.EmulateViewport(width, 800)); err != nil {
			t.Fatal(err)
		}
		drawn, err := chromedp.Run(tab,
			chromedp.Evaluate[int](`[...document.querySelectorAll("figure svg")].filter(s => s.getBoundingClientRect().height `+
				`> 150).length`))
		if err != nil || drawn != 9 {
			t.Errorf("%d charts show at %d, not 9: %v", drawn, width, err)
		}
	}
}
