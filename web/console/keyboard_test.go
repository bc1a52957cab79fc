package console_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"bellhop"
)

// focus puts the focus on an element.
func (b *browser) focus(selector string) {
	b.Helper()
	b.eval(fmt.Sprintf(`document.querySelector(%q).focus()`, selector))
}

func (b *browser) press(keys string) { b.Helper(); b.do(chromedp.KeyEvent(keys)) }

const focusedRow = `document.activeElement.closest("[data-key]")?.dataset.key`

// TestFocusStaysInTheOrders acts by keyboard, while somebody else handles orders, too.
func TestFocusStaysInTheOrders(t *testing.T) {
	b := newBrowser(t, newRig(t))
	for n := range 5 {
		b.Order(demo, n)
	}
	b.open("/?show=new", ownerSession)
	b.until(live)
	b.stays()
	at := func(n int, what string) string { return fmt.Sprintf(`[data-key="%s"] %s`, orderID(n), what) }
	// An order above goes.
	b.focus(at(1, "a"))
	_, err := b.DB.SetHandling(t.Context(), demo, 820982911946154508+4, "", bellhop.HandlingHandled, day, nil)
	must(t, err)
	b.until(`!%s`, row(4))
	b.until(`%s === %q && document.activeElement.matches("a")`, focusedRow, orderID(1))
	// The selected ones go, and their button with them.
	b.focus(at(3, "input"))
	b.press(" ")
	b.focus(".several [value=handled]")
	b.press(kb.Enter)
	b.until(`!%s && document.querySelector("#notice button")`, row(3))
	b.until(`%s === %q`, focusedRow, orderID(2))
	// Undoing brings it back, and the focus to it.
	b.focus("#notice button")
	b.press(kb.Enter)
	b.until(`%s && !document.querySelector("#notice button") && %s === %q`, row(3), focusedRow, orderID(3))
	// The last one of the list.
	b.focus(at(0, "button"))
	b.press(kb.Enter)
	b.until(`!%s && %s === %q`, row(0), focusedRow, orderID(1))
	b.stayed()
}

// TestFocusStaysInTheDevices sends a test and removes a device. Escape takes the question back.
func TestFocusStaysInTheDevices(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.Device(demo, "one")
	b.Device(demo, "two")
	b.open("/devices", ownerSession)
	b.until(live)
	b.stays()
	first := b.eval(`document.querySelector("#devices").firstElementChild.dataset.key`)
	other := b.eval(`document.querySelector("#devices").lastElementChild.dataset.key`)
	at := func(what string) string { return fmt.Sprintf(`[data-key=%q] %s`, first, what) }
	b.focus(at("button.soft"))
	b.press(kb.Enter)
	b.until(`document.querySelector("#notice .notice") && %s === %q && document.activeElement.matches("button")`, focusedRow,
		first)
	b.focus(at("summary"))
	b.press(kb.Enter)
	b.press(kb.Tab)
	b.until(`document.activeElement.matches(%q)`, at("details button"))
	b.press(kb.Escape)
	b.until(`document.activeElement.matches(%q) && !document.querySelector("details[open]")`, at("summary"))
	b.press(kb.Enter)
	b.press(kb.Tab)
	b.press(kb.Enter)
	b.until(`!document.querySelector('[data-key=%q]') && %s === %q`, first, focusedRow, other)
	b.stayed()
}

// TestFocusComesBackToAPage acts on pages that load anew.
func TestFocusComesBackToAPage(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.member("ann@example.com", ownerOf(demo))
	b.member("bob@example.com", ownerOf(demo))
	b.open("/people", ownerSession)
	member := func(email string) string {
		return fmt.Sprintf(`[...document.querySelectorAll("main li")].find((row) => row.textContent.includes(%q))`, email)
	}
	next := b.eval(member("ann@example.com") + `.nextElementSibling?.dataset.key || ` +
		member("ann@example.com") + `.previousElementSibling.dataset.key`)
	b.eval(member("ann@example.com") + `.querySelector("summary").focus()`)
	b.press(kb.Enter)
	b.press(kb.Tab)
	b.press(kb.Enter)
	b.do(chromedp.WaitVisible("#notice .notice"))
	b.until(`!%s && %s === %q`, member("ann@example.com"), focusedRow, next)
	// A form that was wrong leads to its first wrong field.
	b.open("/settings", ownerSession)
	b.focus("#timezone")
	b.press("Nowhere/Land")
	b.press(kb.Enter)
	b.do(chromedp.WaitVisible("#timezone-wrong"))
	b.until(`document.activeElement.id === "timezone"`)
}

// TestMenusGiveTheFocusBack opens the menu of shops and the filters.
func TestMenusGiveTheFocusBack(t *testing.T) {
	r := newRig(t)
	both := r.member("sam@example.com", ownerOf(demo), ownerOf(other))
	b := newBrowser(t, r)
	b.open("/?shop="+demo, both)
	for _, menu := range []string{".switch", ".more"} {
		b.focus(menu + " summary")
		b.press(kb.Enter)
		b.press(kb.Tab)
		b.until(`document.activeElement.matches(%q)`, menu+"[open] :not(summary)")
		b.press(kb.Escape)
		b.until(`document.activeElement.matches(%q)`, menu+":not([open]) summary")
	}
	// Who goes on leaves no menu open over the page.
	b.focus(".switch summary")
	b.press(kb.Enter)
	for range 3 {
		b.press(kb.Tab)
	}
	b.until(`!document.querySelector(".switch[open]") && document.activeElement !== document.body`)
}
