package report_test

import (
	"fmt"
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
	for _, width := range []int64{360, 1180} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(fmt.Sprint(width, " ", scheme), func(t *testing.T) {
				if err := chromedp.Do(tab, chromium.Scheme(scheme), chromedp.EmulateViewport(width, 800), chromedp.Navigate(s.URL)); err != nil {
					t.Fatal(err)
				}
				for _, v := range chromium.Violations(t, tab) {
					t.Errorf("%s", v)
				}
				over, err := chromedp.Run(tab, chromedp.Evaluate[int](`document.documentElement.scrollWidth - innerWidth`))
				if err != nil || over > 0 {
					t.Errorf("the page is %d pixels too wide: %v", over, err)
				}
				drawn, err := chromedp.Run(tab, chromedp.Evaluate[int](`[...document.querySelectorAll("figure svg")].filter(s => s.getBoundingClientRect().height > 150).length`))
				if err != nil || drawn != 8 {
					t.Errorf("%d charts are to be seen, not 8: %v", drawn, err)
				}
			})
		}
	}
}
