package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"bellhop/internal/realserver/chromium"
)

// TestDemoInABrowser presses each of the demo's buttons, and checks that the page always
// accounts for every acknowledged webhook.
func TestDemoInABrowser(t *testing.T) {
	tab, cancel := context.WithTimeout(chromium.Open(t), 5*patience)
	defer cancel()
	_, link, _, end := startDemo(t, "--installed")
	do := func(actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		for _, a := range actions {
			if err := chromedp.Do(tab, a); err != nil {
				t.Fatalf("%v\n%s", err, chromium.Page(tab))
			}
		}
	}
	until := func(format string, args ...any) {
		t.Helper()
		do(chromium.Until(fmt.Sprintf(format, args...)))
	}
	press := func(action string) {
		t.Helper()
		do(chromedp.Click(fmt.Sprintf(`#buttons button[value=%q]`, action)))
	}
	do(chromedp.Navigate(link), chromedp.Click("main button"), chromedp.WaitVisible("#buttons"))
	// From now on the line must hold at each change of the page.
	_, err := chromedp.Run(tab, chromedp.Evaluate[bool](`(() => {
		window.broke = "";
		const look = () => {
			const line = document.querySelector(".sum-line");
			if (line && !line.classList.contains("good")) window.broke = line.textContent;
		};
		new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
		look();
		return true;
	})()`))
	if err != nil {
		t.Fatal(err)
	}
	// count is the n-th number of the line: 0 is acknowledged, and then recorded,
	// duplicate, stale, skipped, waiting, leased, dead and recorded twice.
	count := func(n int) string {
		return fmt.Sprintf(`Number(document.querySelectorAll(".sum-line strong")[%d].textContent.replaceAll(",", ""))`, n)
	}
	now := func(n int) int {
		t.Helper()
		v, err := chromedp.Run(tab, chromedp.Evaluate[int](count(n)))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	promise := func(expression string) string {
		t.Helper()
		v, err := chromedp.Run(tab, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	until(`document.querySelector("#phone li:not([data-key=none])")`) // an order is on the phone

	before := now(1)
	press("order")
	until(`%s > %d`, count(1), before)
	before = now(2)
	press("duplicates")
	until(`%s > %d`, count(2), before)
	press("shuffle")
	press("poison")
	until(`%s === 1`, count(7))

	// The phone speaks the last viewer's language.
	promise(`(async () => {
		while (!document.querySelector("#phone").textContent.includes("新しい注文")) await fetch("/", { headers: { "Accept-Language": "ja" } });
		return "";
	})()`)
	// A buyer's phone number may have these digits, too.
	if n := promise(`fetch("/?q=%231001").then(a => a.text()).then(page => String(page.split("<strong>#1001<").length - 1))`); n != "1" {
		t.Errorf("%s orders are #1001", n)
	}
	if n := promise(`fetch("/pushes?status=sent").then(a => a.text()).then(page => String(page.split("Received").length ` +
		`- 1))`); n == "0" {
		t.Error("the phone says nothing of what it got")
	}

	press("stop")
	until(`document.querySelector('#buttons button[value="start"]') && document.querySelector("#line .bad-words")`)
	before = now(0)
	press("sale")
	until(`%s >= %d && %s >= 500`, count(0), before+500, count(5))
	press("start")
	until(`/\d new orders\$\d/.test(document.querySelector("#phone").textContent)`)
	until(`document.querySelector('#buttons button[value="stop"]') && %s === 0 && %s >= 500`, count(5), count(1))

	press("break")
	until(`document.querySelector("#line .bad-words")`)
	press("mend")
	until(`!document.querySelector("#line .bad-words")`)
	press("break")
	until(`document.querySelector("#line .bad-words")`)
	press("order")

	chromium.Check(t, tab, "the demo")
	broke, err := chromedp.Run(tab, chromedp.Evaluate[string](`window.broke`))
	if err != nil || broke != "" {
		t.Errorf("the line did not hold: %s %v", broke, err)
	}
	if twice := now(8); twice != 0 {
		t.Errorf("%d orders were recorded twice", twice)
	}
	// The terminal counts what the page does.
	last := end()
	n := map[string]int{}
	for _, m := range regexp.MustCompile(
		`(\d+) (webhooks sent|acknowledged|recorded|waiting|skipped|dead|attempts failed)\b`).FindAllStringSubmatch(last, -1) {
		n[m[2]], _ = strconv.Atoi(m[1])
	}
	sum := n["recorded"] + n["waiting"] + n["skipped"] + n["dead"]
	// Bellhop keeps a webhook that it answers too late; the twin counts it as failed, not as acknowledged.
	exact, late := n["acknowledged"] == sum, n["attempts failed"] > 0
	if n["acknowledged"] < 500 || n["acknowledged"] > sum || n["webhooks sent"] < sum || n["dead"] != 1 ||
		!exact && !late {
		t.Errorf("at the end it says %s", last)
	}
}

// TestDemoScreenshots takes pictures of a flash sale into the folder SCREENSHOTS: before
// it, while the worker stands still, after it, and the operator's view.
func TestDemoScreenshots(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Skip("SCREENSHOTS names no folder")
	}
	tab, cancel := context.WithTimeout(chromium.Open(t), 5*patience)
	defer cancel()
	desk, cancelDesk := context.WithTimeout(chromium.Open(t), 5*patience)
	defer cancelDesk()
	_, link, deskLink, end := startDemo(t, "--installed")
	defer end()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	shoot := func(tab context.Context, name string) {
		t.Helper()
		picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
		must(err)
		must(os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644))
	}
	must(os.MkdirAll(dir, 0o755))
	number := func(n int) string {
		return fmt.Sprintf(`Number(document.querySelectorAll(".sum-line strong")[%d].textContent.replaceAll(",", ""))`, n)
	}
	must(chromedp.Do(desk, chromium.Scheme("light"), chromedp.EmulateViewport(1280, 1400), chromedp.Navigate(deskLink),
		chromedp.Click("main button"), chromedp.WaitVisible("#overview")))
	// looks waits until the operator's page has drawn so many looks more.
	looks := func(n int) chromedp.Action[chromedp.Void] {
		return chromium.Until(fmt.Sprintf(`(window.looks ??= new Set()).add(document.querySelector(".charts `+
			`img")?.src).size > %d`, n))
	}
	must(chromedp.Do(desk, looks(3)))
	must(chromedp.Do(tab, chromium.Scheme("light"), chromedp.EmulateViewport(1280, 800), chromedp.Navigate(link),
		chromedp.Click("main button"), chromedp.WaitVisible("#buttons"),
		chromium.Until(number(1)+` > 12`)))
	shoot(tab, "demo-1")
	must(chromedp.Do(tab, chromedp.Click(`#buttons button[value="stop"]`),
		chromedp.WaitVisible(`#buttons button[value="start"]`),
		chromedp.Click(`#buttons button[value="sale"]`), chromium.Until(number(5)+` >= 500`)))
	shoot(tab, "demo-2")
	must(chromedp.Do(desk, looks(5)))
	must(chromedp.Do(tab, chromedp.Click(`#buttons button[value="start"]`),
		chromium.Until(number(5)+` === 0 && /\d new orders\$\d/.test(document.querySelector("#phone").textContent)`)))
	shoot(tab, "demo-3")
	must(chromedp.Do(desk, looks(9), chromium.Until(`[...document.images].every(i => i.complete)`)))
	shoot(desk, "operator")
}

// slow and late match what a demo may log on a slow machine: late only if the shop's attempts failed.
var slow, late = regexp.MustCompile(`took too long`), regexp.MustCompile(`reason=busy`)

// TestDemoInstalls goes the way of a merchant: from the shop's admin to the first order on the page. Lists that change
// are watched inside of the page: WaitVisible wants all rows to stand still for as long as it asks for each of them,
// and on a slow machine they never do.
func TestDemoInstalls(t *testing.T) {
	browser := chromium.Open(t)
	admin, owner, _, end := startDemo(t)
	console, _, _ := strings.Cut(owner, "/signin")
	for _, step := range []struct {
		what string
		do   chromedp.Action[chromedp.Void]
	}{
		{"open the shop's admin", chromedp.Navigate(admin)},
		{"install", chromedp.Click("a#install")},
		{"agree", chromedp.Click("button#install")},
		{"come back", chromedp.WaitVisible(`input[name="once"] ~ button`)},
		{"sign in", chromedp.Click("main button")},
		{"the newest order on the shop's page", chromedp.WaitVisible(`a[href^="/orders/"]`)},
		{"open the orders", chromedp.Navigate(console)},
		{"an order", chromium.Until(`document.querySelector(".order")?.checkVisibility()`)},
		{"a notification", chromium.Until(`document.querySelector("#phone li:not([data-key=none])")?.checkVisibility()`)},
	} {
		tab, cancel := context.WithTimeout(browser, patience)
		err := chromedp.Do(tab, step.do)
		cancel()
		if err != nil {
			t.Fatalf("%s: %v\n%s", step.what, err, chromium.Page(browser))
		}
	}
	end()
}

// startDemo runs a demo in this process. It returns the address of the shop's admin, the links of its owner and
// operator, and a function that ends it.
func startDemo(t *testing.T, args ...string) (admin, owner, operator string, end func() (last string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	var errs lockedBuffer // the log and the progress write at once
	done := make(chan int)
	go func() {
		code := Run(ctx, context.Background(), append([]string{"demo", "--addr", "127.0.0.1:0", "--rate", "5/s"}, args...),
			strings.NewReader(""), write, &errs)
		write.Close()
		done <- code
	}()
	lines := bufio.NewScanner(read)
	pattern := regexp.MustCompile(`(?:Install|Open) +(http://\S+)`)
	var links []string
	for len(links) < 3 && lines.Scan() {
		if m := pattern.FindStringSubmatch(lines.Text()); m != nil {
			links = append(links, m[1])
		}
	}
	if len(links) < 3 {
		cancel()
		t.Fatalf("the demo ended with %d: %s", <-done, errs.String())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the demo says:\n%s", errs.String())
		}
	})
	said := make(chan string, 1)
	go func() {
		last := ""
		for lines.Scan() {
			last = lines.Text()
		}
		said <- last
	}()
	return links[0], links[1], links[2], func() string {
		cancel()
		if code := <-done; code != exitDone {
			t.Errorf("the demo ended with %d: %s", code, errs.String())
		}
		last := <-said
		failed := strings.Contains(last, "attempts failed")
		for line := range strings.Lines(errs.String()) {
			if strings.Contains(line, "ERROR") && !slow.MatchString(line) && !(failed && late.MatchString(line)) {
				t.Errorf("the demo says %s", line)
			}
		}
		return last
	}
}
