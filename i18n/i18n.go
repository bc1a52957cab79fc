// Package i18n holds the texts that people read, in each language, and writes amounts, numbers,
// dates and times as the language does. Each language has a catalogue such as en.toml; docs/words.md
// says which word is for what. To add one, add the file, a line in [Languages], and its date format in
// forms.
package i18n

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/bojanz/currency"
	"github.com/go-playground/locales"
	"github.com/go-playground/locales/en"
	"github.com/go-playground/locales/en_001"
	"github.com/go-playground/locales/ja"
	"github.com/go-playground/locales/ko"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"bellhop"
)

//go:embed *.toml
var catalogues embed.FS

// Language is the language of one catalogue.
type Language struct {
	Code string // BCP 47
	Name string // in itself
}

// Languages lists them; the first is the default.
func Languages() []Language {
	return []Language{{"en", "English"}, {"ko", "한국어"}, {"ja", "日本語"}}
}

// Locale is a language as one region writes it. It may be used from many
// goroutines at once.
type Locale struct {
	Language string // the catalogue's code
	words    *i18n.Localizer
	forms    locales.Translator // of numbers, dates and times
	money    *currency.Formatter
}

// bundle is read when somebody first needs a word: most commands need none.
var bundle = sync.OnceValue(load)

func load() *i18n.Bundle {
	b := i18n.NewBundle(language.English)
	b.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	for _, l := range Languages() {
		if _, err := b.LoadMessageFileFS(catalogues, l.Code+".toml"); err != nil {
			panic(err) // it is embedded
		}
	}
	return b
}

// For returns the locale for the first wish that has a catalogue. Each wish is a language tag such
// as en-GB, or a list of them as browsers send it. For ignores anything else.
func For(wishes ...string) *Locale {
	for _, wish := range wishes {
		tags, _, _ := language.ParseAcceptLanguage(wish)
		for _, t := range tags {
			base, _ := t.Base()
			for _, l := range Languages() {
				if l.Code == base.String() {
					return newLocale(l.Code, t)
				}
			}
		}
	}
	return newLocale("en", language.English)
}

// made caches locales; there are no more than countries.
var made sync.Map // string → *Locale

func newLocale(code string, t language.Tag) *Locale {
	tag := code
	region, confidence := t.Region()
	if confidence == language.Exact && region.IsCountry() {
		tag += "-" + region.String()
	}
	if l, ok := made.Load(tag); ok {
		return l.(*Locale)
	}
	l, _ := made.LoadOrStore(tag, makeLocale(code, tag))
	return l.(*Locale)
}

func makeLocale(code, tag string) *Locale {
	return &Locale{Language: code, words: i18n.NewLocalizer(bundle(), code), forms: forms(tag),
		money: currency.NewFormatter(currency.NewLocale(tag))}
}

// forms returns the forms of numbers, dates and times. English outside America has the day first and
// counts 24 hours.
func forms(tag string) locales.Translator {
	switch tag {
	case "en", "en-US", "en-CA", "en-PH":
		return en.New()
	}
	switch tag[:2] {
	case "ko":
		return ko.New()
	case "ja":
		return ja.New()
	}
	return en_001.New()
}

// T returns the text of an id, with values put in: T("orders.select", "Order", "#1001"). It returns
// an unknown id unchanged.
func (l *Locale) T(id string, values ...any) string {
	return l.say(&i18n.LocalizeConfig{MessageID: id, TemplateData: pairs(values)})
}

// N is T for words that depend on a number, {{.N}}.
func (l *Locale) N(id string, n int, values ...any) string {
	data := pairs(values)
	data["N"] = l.Number(n)
	return l.say(&i18n.LocalizeConfig{MessageID: id, TemplateData: data, PluralCount: n})
}

// Has reports whether there are words for an id.
func (l *Locale) Has(id string) bool { return l.T(id) != id }

func (l *Locale) say(c *i18n.LocalizeConfig) string {
	s, err := l.words.Localize(c)
	if err != nil && s == "" {
		return c.MessageID
	}
	return s
}

func pairs(values []any) map[string]any {
	data := make(map[string]any, len(values)/2+1)
	for i := 0; i+1 < len(values); i += 2 {
		data[fmt.Sprint(values[i])] = values[i+1]
	}
	return data
}

// Money writes an amount with its currency, exactly.
func (l *Locale) Money(m bellhop.Money) string {
	a, err := currency.NewAmount(m.String(), m.Currency)
	if err != nil { // one that the library does not know
		return m.Currency + "\u00a0" + m.String()
	}
	return l.money.Format(a)
}

// Number writes a whole number.
func (l *Locale) Number(n int) string { return l.forms.FmtNumber(float64(n), 0) }

// Date writes the day of a time, in the time's own zone.
func (l *Locale) Date(t time.Time) string { return l.forms.FmtDateMedium(t) }

// Month writes the month of a time, with its year.
func (l *Locale) Month(t time.Time) string {
	return l.T("span.month", "Month", l.forms.MonthWide(t.Month()), "Year", strconv.Itoa(t.Year()))
}

// Time writes the hour and the minute.
func (l *Locale) Time(t time.Time) string { return l.halves(l.forms.FmtTimeShort(t)) }

// Seconds writes the hour, the minute and the second.
func (l *Locale) Seconds(t time.Time) string { return l.halves(l.forms.FmtTimeMedium(t)) }

// halves translates AM and PM into Korean, since the library has them in English.
func (l *Locale) halves(clock string) string {
	if l.Language != "ko" {
		return clock
	}
	return koreanHalves.Replace(clock)
}

var koreanHalves = strings.NewReplacer("AM", "오전", "PM", "오후")

// When writes the day and the time.
func (l *Locale) When(t time.Time) string { return l.Date(t) + " " + l.Time(t) }

// Span writes how long something took, to the millisecond below ten seconds.
func (l *Locale) Span(d time.Duration) string {
	switch s := d.Seconds(); {
	case s < 0:
		return "−" + l.Span(-d)
	case d > 0 && d < time.Millisecond:
		return l.T("span.ms", "N", "<1")
	case s < 1:
		return l.T("span.ms", "N", strconv.FormatInt(d.Milliseconds(), 10))
	case s < 10:
		return l.T("span.seconds", "N", strconv.FormatFloat(s, 'f', 2, 64))
	case s < 120:
		return l.T("span.seconds", "N", strconv.FormatFloat(s, 'f', 0, 64))
	case s < 2*3600:
		return l.T("span.minutes", "N", l.Number(int(s/60)))
	case s < 48*3600:
		return l.T("span.hours", "N", l.Number(int(s/3600)))
	}
	return l.T("span.days", "N", l.Number(int(d.Hours()/24)))
}
