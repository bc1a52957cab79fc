// Package chromium shows pages in a real browser to tests.
package chromium

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"

	"bellhop/internal/realserver"
)

// Open returns the context of a tab in a Chromium of its own, which ends with the
// test.
func Open(t testing.TB) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		realserver.Need(t, fmt.Errorf("chromium: %w", realserver.ErrMissing))
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(2*time.Minute)) // a busy machine starts it late
	browser, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	tab, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	// The browser ends with the context of its first action: a context with a time limit would take it along.
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return tab
}

// Page says where a tab is and what its page says, also when the tab's context is over: for a test that fails.
func Page(tab context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tab), 5*time.Second)
	defer cancel()
	page, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText.slice(0, 1500)`))
	if err != nil {
		return fmt.Sprintf("the page can't be read: %v", err)
	}
	return page
}

// call is an action that runs a command of the browser's protocol.
func call[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, c, params)
		return none, err
	}
}

// Scheme emulates a visitor's preferred colour scheme: "light" or "dark".
func Scheme(scheme string) chromedp.Action[chromedp.Void] {
	return call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// Media shows the page as on a medium, such as "print"; "" ends that.
func Media(medium string) chromedp.Action[chromedp.Void] {
	return call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: medium})
}

// Cookie gives the browser a cookie of a site.
func Cookie(url, name, value string) chromedp.Action[chromedp.Void] {
	return call(network.SetCookie, network.SetCookieParams{URL: url, Name: name, Value: value})
}

// NoCookies deletes the browser's cookies.
func NoCookies() chromedp.Action[chromedp.Void] {
	return call(network.ClearBrowserCookies, cdp.Empty{})
}

// Allow grants a site's pages a permission without asking the visitor, such as
// "notifications".
func Allow(origin, permission string) chromedp.Action[chromedp.Void] {
	return call(browser.SetPermission, browser.SetPermissionParams{Origin: origin,
		Permission: &browser.PermissionDescriptor{Name: permission}, Setting: browser.PermissionSettingGranted})
}

// Push hands a message to the worker of an origin, as its push service would. The
// page that is open has registered it.
func Push(ctx context.Context, origin, message string) error {
	registered := make(chan serviceworker.RegistrationID, 100)
	err := chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*serviceworker.EventWorkerRegistrationUpdated); ok {
			for _, r := range e.Registrations {
				registered <- r.RegistrationID
			}
		}
	})
	if err != nil {
		return err
	}
	return chromedp.Do(ctx, func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		if _, err := cdp.Call(ctx, t, serviceworker.Enable, cdp.Empty{}); err != nil {
			return none, err
		}
		defer func() {
			_, e := cdp.Call(ctx, t, serviceworker.Disable, cdp.Empty{}) // so that the next call hears of it again
			err = errors.Join(err, e)
		}()
		select {
		case id := <-registered:
			_, err = cdp.Call(ctx, t, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{
				Origin: origin, RegistrationID: id, Data: message})
		case <-ctx.Done():
			err = ctx.Err()
		}
		return none, err
	})
}

// Until waits for an expression to hold in the page, looking whenever something in
// it changes. The page must stay the same one.
func Until(expression string) chromedp.Action[chromedp.Void] {
	wait := `new Promise(done => {
		const look = () => { if (` + expression + `) { watch.disconnect(); done(true); } };
		const watch = new MutationObserver(look);
		watch.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
		look();
	})`
	return chromedp.Evaluate[chromedp.Void](wait, chromedp.EvalAwaitPromise)
}

// evaluate returns what an expression, or a promise, comes to in the page.
func evaluate[T any](t testing.TB, tab context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("evaluate %.200s: %v", expression, err)
	}
	return value
}

// Violations are axe-core's findings on the open page: WCAG 2.2 AA and good practice.
func Violations(t testing.TB, tab context.Context) (all []string) {
	t.Helper()
	modules, err := realserver.NodeModules()
	realserver.Need(t, err)
	axe, err := os.ReadFile(filepath.Join(modules, "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	violations := evaluate[[][]string](t, tab, string(axe)+
		`; axe.run().then(r => r.violations.map(v => [v.id, v.help, ...v.nodes.map(n => n.html)]))`)
	for _, v := range violations {
		all = append(all, strings.Join(v, " "))
	}
	return all
}

// Check reports the faults of the open page, on a phone and on a desk, light and dark: axe-core's
// findings, and parts that are too wide.
func Check(t testing.TB, tab context.Context, what string) {
	t.Helper()
	for _, width := range []int64{360, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			if err := chromedp.Do(tab, Scheme(scheme), chromedp.EmulateViewport(width, 900)); err != nil {
				t.Fatal(err)
			}
			// Moving parts still have the colours of the previous scheme.
			evaluate[bool](t, tab, `Promise.allSettled(document.getAnimations().map(a => a.finished)).then(() => true)`)
			for _, v := range Violations(t, tab) {
				t.Errorf("%s, %d wide, %s: %s", what, width, scheme, v)
			}
		}
		Fits(t, tab, fmt.Sprintf("%s, %d wide", what, width))
	}
}

// Fits reports a page wider than its window, and parts that leave their card.
func Fits(t testing.TB, tab context.Context, what string) {
	t.Helper()
	outside := evaluate[string](t, tab, `[...document.querySelectorAll(".card *")].filter(e => {
		if (!e.checkVisibility() || e.closest(".unseen, svg") || getComputedStyle(e).position === "fixed" || e.closest(".several")) return false;
		const card = e.closest(".card").getBoundingClientRect(), own = e.getBoundingClientRect();
		return own.width > 0 && (own.right > card.right + 1 || own.left < card.left - 1);
	}).map(e => e.outerHTML.slice(0, 200)).join("\n")`)
	if outside != "" {
		t.Errorf("%s: outside of its card: %s", what, outside)
	}
	if over := evaluate[int](t, tab, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		t.Errorf("%s: %d pixels too wide", what, over)
	}
}
