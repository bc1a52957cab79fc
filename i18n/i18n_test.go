package i18n_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"bellhop"
	"bellhop/i18n"
)

// words reads a catalogue as id → words, the forms of a plural put together.
func words(t *testing.T, language string) map[string]string {
	t.Helper()
	var tree map[string]any
	if _, err := toml.DecodeFile(language+".toml", &tree); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var walk func(prefix string, tree map[string]any)
	walk = func(prefix string, tree map[string]any) {
		for k, v := range tree {
			switch v := v.(type) {
			case string:
				id := prefix + k
				if k == "one" || k == "other" {
					id = strings.TrimSuffix(prefix, ".")
				}
				all[id] += v
			case map[string]any:
				walk(prefix+k+".", v)
			}
		}
	}
	walk("", tree)
	return all
}

var placeholder = regexp.MustCompile(`\{\{\.\w+\}\}`)

func places(s string) []string {
	found := placeholder.FindAllString(s, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestCataloguesAgree(t *testing.T) {
	english := words(t, "en")
	for _, l := range i18n.Languages() {
		own := words(t, l.Code)
		for id, w := range english {
			if own[id] == "" {
				t.Errorf("%s lacks %s", l.Code, id)
			} else if !slices.Equal(places(w), places(own[id])) {
				t.Errorf("%s: %s puts in %v, English %v", l.Code, id, places(own[id]), places(w))
			}
		}
		for id := range own {
			if english[id] == "" {
				t.Errorf("%s has %s, which English lacks", l.Code, id)
			}
		}
	}
}

// TestWordsAreUsed finds words that nobody says, and ids without words.
func TestWordsAreUsed(t *testing.T) {
	ids := words(t, "en")
	quoted := regexp.MustCompile(`"([a-z]+\.[A-Za-z_.]+)"`)
	begins := regexp.MustCompile(`\(?(?:print|label) "([a-z]+(?:\.[a-z]+)?\.)|\b(?:T|label)\("([a-z]+(?:\.[a-z]+)?\.)"`)
	used, prefixes := map[string]bool{}, map[string]bool{}
	for _, folder := range []string{"../web", "../demo", "../pipeline", "."} {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") ||
				!slices.Contains([]string{".go", ".html"}, filepath.Ext(path)) {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range quoted.FindAllSubmatch(text, -1) {
				used[string(m[1])] = true
			}
			for _, m := range begins.FindAllSubmatch(text, -1) {
				prefixes[string(m[1])+string(m[2])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		covered := used[id]
		for p := range prefixes {
			covered = covered || p != "" && strings.HasPrefix(id, p)
		}
		if !covered {
			t.Errorf("nobody says %s", id)
		}
	}
	sections := map[string]bool{}
	for id := range ids {
		section, _, _ := strings.Cut(id, ".")
		sections[section] = true
	}
	for id := range used {
		section, _, _ := strings.Cut(id, ".")
		if sections[section] && ids[id] == "" && !strings.Contains(id, ".toml") && strings.Count(id, ".") < 3 &&
			!strings.HasSuffix(id, ".") && !strings.HasSuffix(id, ".com") && !foreign[id] {
			t.Errorf("there are no words for %s", id)
		}
	}
}

// foreign look like ids and are something else.
var foreign = map[string]bool{"order.new": true, "order.recorded": true, "order.updated": true, "order.handled": true,
	"order.take": true, "push.settled": true}

func TestLocales(t *testing.T) {
	at := time.Date(2026, 11, 27, 16, 5, 9, 0, time.UTC)
	won := bellhop.Money{Units: 3400000, Currency: "KRW"}
	dollars := bellhop.Money{Units: 120450, Digits: 2, Currency: "USD"}
	for _, c := range []struct{ wish, language, won, dollars, when string }{
		{"en-US,en;q=0.9", "en", "₩3,400,000", "$1,204.50", "Nov 27, 2026 4:05 pm"},
		{"en-GB", "en", "₩3,400,000", "US$1,204.50", "27 Nov 2026 4:05 pm"},
		{"ko-KR,ko;q=0.9,en;q=0.8", "ko", "₩3,400,000", "US$1,204.50", "2026. 11. 27. 오후 4:05"},
		{"ja", "ja", "₩3,400,000", "$1,204.50", "2026/11/27 16:05"},
		{"fr-FR, ja;q=0.5", "ja", "₩3,400,000", "$1,204.50", "2026/11/27 16:05"},
		{"", "en", "₩3,400,000", "$1,204.50", "Nov 27, 2026 4:05 pm"},
		{"!!!", "en", "₩3,400,000", "$1,204.50", "Nov 27, 2026 4:05 pm"},
	} {
		l := i18n.For("", c.wish)
		if l.Language != c.language || l.Money(won) != c.won || l.Money(dollars) != c.dollars || l.When(at) != c.when {
			t.Errorf("%q: %s %s %s %s", c.wish, l.Language, l.Money(won), l.Money(dollars), l.When(at))
		}
	}
}

func TestMoneyIsExact(t *testing.T) {
	l := i18n.For("en")
	for _, c := range []struct {
		m    bellhop.Money
		want string
	}{
		{bellhop.Money{Units: -550, Digits: 2, Currency: "EUR"}, "-€5.50"},
		{bellhop.Money{Units: 999999999999999999, Digits: 2, Currency: "USD"}, "$9,999,999,999,999,999.99"},
		{bellhop.Money{Units: 12345, Digits: 4, Currency: "USD"}, "$1.2345"},
		{bellhop.Money{Units: 5, Digits: 0, Currency: "XXQ"}, "XXQ\u00a05"},
		{bellhop.Money{Units: 1005, Digits: 3, Currency: "KWD"}, "KWD\u00a01.005"},
	} {
		if got := l.Money(c.m); got != c.want {
			t.Errorf("%v: %q, not %q", c.m, got, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	en, ko := i18n.For("en"), i18n.For("ko")
	november := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	for got, want := range map[string]string{
		en.N("orders.doneHandled", 1):         "1 order is marked handled.",
		en.N("orders.doneHandled", 1200):      "1,200 orders are marked handled.",
		ko.N("orders.doneHandled", 3):         "주문 3건을 처리됨으로 표시했습니다.",
		en.T("orders.select", "Order", "<b>"): "Select <b>",
		en.T("no.such"):                       "no.such",
		en.Month(november):                    "November 2026",
		ko.Month(november):                    "2026년 11월",
		i18n.For("ja").Month(november):        "2026年11月",
		en.Span(38 * time.Millisecond):        "38 ms",
		en.Span(400 * time.Microsecond):       "<1 ms",
		en.Span(1500 * time.Millisecond):      "1.50 s",
		en.Span(-90 * time.Second):            "−90 s",
		en.Span(5 * time.Minute):              "5 min",
		en.Span(50 * time.Hour):               "2 d",
		ko.Span(3 * time.Hour):                "3시간",
		en.Number(-1234567):                   "-1,234,567",
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
