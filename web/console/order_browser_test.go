package console_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"bellhop"
	"bellhop/internal/realserver/chromium"
)

// print returns the open page as it is printed on paper of a size in inches.
func (b *browser) print(width, height float64) []byte {
	b.Helper()
	pdf, err := chromedp.Run(b.tab, func(ctx context.Context, tab *chromedp.Target) ([]byte, error) {
		r, err := cdp.Call(ctx, tab, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: width, PaperHeight: height})
		if err != nil {
			return nil, err
		}
		return []byte(r.Data), nil
	})
	must(b, err)
	return pdf
}

// TestOrderInABrowser shows a whole order and its slip, and prints it.
func TestOrderInABrowser(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.Order(demo, 0, wholeOrder)
	b.Order(demo, 1, wholeOrder, func(o *bellhop.Order) {
		o.Name, o.Note = strings.Repeat("#LONG", 20), strings.Repeat("unbreakable", 40)
		o.Shipping.Address1, o.Tags = strings.Repeat("x", 200), []string{strings.Repeat("tag", 60)}
		o.Items[0].Title, o.Items[0].SKU = strings.Repeat("Title", 40), strings.Repeat("SKU", 60)
		o.Items[0].Properties[0].Value, o.Items[0].Price = strings.Repeat("deep", 60), "123456789012.00"
		o.History.Fulfillments[0].Tracking[0].Number = strings.Repeat("1Z", 60)
	})
	for n := range 2 {
		b.open("/orders/"+orderID(n), ownerSession)
		chromium.Check(t, b.tab, fmt.Sprint("order ", n))
		b.open("/orders/"+orderID(n)+"/slip", ownerSession)
		chromium.Check(t, b.tab, fmt.Sprint("slip ", n))
	}
	b.open("/orders/"+orderID(0)+"?shop="+demo, operatorSession)
	chromium.Check(t, b.tab, "order, masked")
	b.do(chromedp.SendKeys("#why", "A customer asked"+kb.Enter), chromedp.WaitVisible("#accesses"))
	b.until(`document.getElementById("ship-to").textContent.includes("12 Example Street")`)
	b.open("/?test=false", ownerSession)
	chromium.Check(t, b.tab, "filters")
	for _, language := range []string{"ko", "ja"} {
		b.SetSettings(b.Owner.ID, bellhop.Settings{Language: language})
		b.do(chromedp.EmulateViewport(360, 900))
		for _, path := range []string{"/orders/" + orderID(0), "/orders/" + orderID(0) + "/slip", "/?test=false"} {
			b.open(path, ownerSession)
			chromium.Fits(t, b.tab, path+" in "+language)
		}
	}
}

// TestSlipPrints wants one sheet of A4 and of letter, without what is only for the screen.
func TestSlipPrints(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.Order(demo, 0, wholeOrder)
	b.open("/orders/"+orderID(0)+"/slip", ownerSession)
	for name, size := range map[string][2]float64{"A4": {8.27, 11.69}, "letter": {8.5, 11}} {
		pdf := b.print(size[0], size[1])
		if n := bytes.Count(pdf, []byte("/Type /Page\n")); n != 1 {
			t.Errorf("%s: %d sheets", name, n)
		}
		if box := fmt.Sprintf("/MediaBox [0 0 %.0f", size[0]*72); !bytes.Contains(pdf, []byte(box)) {
			t.Errorf("%s: the sheet is not %s wide", name, box)
		}
		if dir := os.Getenv("SCREENSHOTS"); dir != "" {
			must(t, os.WriteFile(filepath.Join(dir, "slip-"+name+".pdf"), pdf, 0o644))
		}
	}
	b.do(chromium.Media("print"))
	screen := `[...document.querySelectorAll(".slip-tools, #notice, .top")]`
	if seen := b.eval(screen + `.some(e => e.checkVisibility())`); seen != "false" {
		t.Error("what is for the screen alone is printed")
	}
	b.do(chromium.Media(""))
	b.eval(`window.print = () => { document.title = "printed"; }`)
	b.do(chromedp.Click("[data-print]"))
	b.until(`document.title === "printed"`)
}

// TestCopyAnAddress copies with one touch, also where the browser has no clipboard for the page.
func TestCopyAnAddress(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.Order(demo, 0, wholeOrder)
	b.do(chromium.Allow(b.URL, "clipboard-read"), chromium.Allow(b.URL, "clipboard-write"))
	want := "Jo Lee\nLee & Daughters\n12 Example Street\nUnit 4\nPortland OR 97201\nUnited States\n+1 503-555-0142"
	copied := `document.querySelector("#notice p")?.textContent === "Address copied."`
	b.open("/orders/"+orderID(0), ownerSession)
	b.do(chromedp.Click(`[data-copy="ship-to"]`))
	b.until("%s", copied)
	if got := b.promise(`navigator.clipboard.readText()`); got != want {
		t.Errorf("copied %q", got)
	}
	b.eval(`document.getElementById("notice").replaceChildren()`)
	b.do(chromedp.Click(`[data-copy="bill-to"]`))
	b.until("%s", copied)
	if got := b.promise(`navigator.clipboard.readText()`); !strings.HasPrefix(got, "Lee Accounting\n") {
		t.Errorf("copied %q", got)
	}
	b.open("/orders/"+orderID(0), ownerSession)
	b.eval(`navigator.clipboard.writeText = () => Promise.reject(new Error("no"))`)
	b.do(chromedp.Click(`[data-copy="ship-to"]`))
	b.until("%s", copied)
	if got := b.promise(`navigator.clipboard.readText()`); strings.TrimSpace(strings.ReplaceAll(got, "\r", "")) != want {
		t.Errorf("copied by selection: %q", got)
	}
	// Where nothing copies, the address is selected.
	b.open("/orders/"+orderID(0), ownerSession)
	b.eval(`navigator.clipboard.writeText = () => Promise.reject(new Error("no"))`)
	b.eval(`document.execCommand = () => false`)
	b.do(chromedp.Click(`[data-copy="ship-to"]`))
	b.until(`document.querySelector("#notice p")?.textContent.includes("The address is selected")`)
	if got := b.eval(`getSelection().toString()`); strings.TrimSpace(got) != want {
		t.Errorf("selected %q", got)
	}
}

// TestFiltersInABrowser sets filters in the form, searches with them, and clears them.
func TestFiltersInABrowser(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.Order(demo, 0, func(o *bellhop.Order) { o.FulfillmentStatus = "fulfilled" })
	b.Order(demo, 1)
	b.open("/?show=new", ownerSession)
	b.do(chromedp.Click(".more summary"), chromedp.SetValue(`[name=fulfillment_status]`, "unfulfilled"),
		chromedp.SetValue(`[name=since]`, "2026-11-20"), chromedp.Click(".more button"),
		chromedp.WaitNotPresent(fmt.Sprintf(`[data-key="%s"]`, orderID(0))))
	b.until(`%s && document.querySelector(".more").open && location.search.includes("show=new")`, row(1))
	b.do(chromedp.SendKeys("#q", "#1000"+kb.Enter), chromedp.WaitVisible(".empty"))
	if at := b.eval(`location.search`); !strings.Contains(at, "fulfillment_status=unfulfilled") {
		t.Errorf("a search drops the filters: %s", at)
	}
	b.do(chromedp.Click(".more a"), chromedp.WaitVisible(fmt.Sprintf(`[data-key="%s"]`, orderID(0))))
	if open := b.eval(`document.querySelector(".more").open`); open != "false" {
		t.Error("without filters the form is open")
	}
}
