// Package chart draws lines with their spread as SVG that stands in a page or by
// itself: light and dark, readable on a phone and without colours.
package chart

import (
	"fmt"
	"html"
	"html/template"
	"strings"
	"time"

	"golang.org/x/text/width"
)

// Chart is a chart to draw.
type Chart struct {
	Title, X, Y string
	LogX, LogY  bool
	Series      []Series
	Markers     []Marker
	Clock       *Clock // nil: X counts something else than time
}

// Series is one line.
type Series struct {
	Name   string
	Points []Point
	Tone   Tone
}

// Tone is the meaning of a line's colour. Without one the colour only tells lines apart.
type Tone int

// The tones. None of the colours of lines without a tone is that of [Bad].
const (
	Plain Tone = iota
	Good
	Bad
	Unsure
	Aside
)

// toned are the colours of tones; dashes tell lines apart all the same.
var toned = map[Tone]int{Good: 2, Bad: 7, Unsure: 1, Aside: 5}

// Point is a value with its spread; Low and High are both 0 where there is none.
type Point struct{ X, Y, Low, High float64 }

// Marker is an upright line that stands for something.
type Marker struct {
	X     float64
	Label string
}

// Clock makes X seconds since 1970, which the axis shows as times of day.
type Clock struct {
	Zone *time.Location
	Time func(time.Time) string // writes one
}

// Style has the colours and fonts of charts. A page has it once; a file by itself has
// it inside.
const Style = `:root{--ink:#1c1c1e;--paper:#fff;--faint:#d9d9de;--c0:#0b57d0;--c1:#a05a00;--c2:#00703c;--c3:#7b3ff2;-` +
	`-c4:#8c3a6b;--c5:#5f6368;--c6:#00696f;--c7:#b3261e}` +
	`@media(prefers-color-scheme:dark){:root{--ink:#ececf1;--paper:#1c1c1e;--faint:#3a3a3f;--c0:#8ab4f8;--c1:#f3b563;--c` +
	`2:#6dd58c;--c3:#c8a9ff;--c4:#f0a3cd;--c5:#bdc1c6;--c6:#4fd8de;--c7:#ff8a80}}` +
	`.chart{background:var(--paper);font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans KR","Noto Sans JP",` +
	`sans-serif}` +
	`.chart text{fill:var(--ink);stroke:var(--paper);stroke-width:3px;paint-order:stroke}.chart ` +
	`.axis{stroke:var(--ink)}.chart .grid{stroke:var(--faint)}.chart ` +
	`path{fill:none;stroke-width:2;stroke-linejoin:round}.chart .spread{stroke-width:1}.chart circle{stroke:none}` +
	`.c0{stroke:var(--c0);fill:var(--c0)}.c1{stroke:var(--c1);fill:var(--c1)}.c2{stroke:var(--c2);fill:var(--c2)}.c3{str` +
	`oke:var(--c3);fill:var(--c3)}.c4{stroke:var(--c4);fill:var(--c4)}.c5{stroke:var(--c5);fill:var(--c5)}.c6{stroke:var` +
	`(--c6);fill:var(--c6)}.c7{stroke:var(--c7);fill:var(--c7)}`

// dashes are the patterns that tell lines apart without colours.
var dashes = []string{"6 4", "", "2 3", "9 3 2 3", "4 2", "1 3", "12 3", "2 1"}

// The size in pixels, of which little is left on a phone, and what stands around the
// lines.
const (
	across, down = 420, 290
	top, right   = 46, 14
	legendLine   = 16 // from one line of the legend to the next
	fewPoints    = 24 // up to so many, each has a dot
)

// SVG draws it for a page that has [Style].
func (c Chart) SVG() (template.HTML, error) {
	svg, err := c.draw("")
	return template.HTML(svg), err
}

// File draws it to stand by itself.
func (c Chart) File() ([]byte, error) {
	svg, err := c.draw("<style>" + Style + "</style>")
	return []byte(svg + "\n"), err
}

// canvas is a chart that is being drawn.
type canvas struct {
	strings.Builder
	x, y axis
}

func (c Chart) draw(style string) (string, error) {
	d, err := c.axes()
	if err != nil {
		return "", err
	}
	xTicks, yTicks := d.x.ticks(), d.y.ticks()
	legend := c.legend()
	more := 0
	if len(legend) > 0 {
		more = legendLine * legend[len(legend)-1].line
	}
	left, bottom := 0, 26
	for _, t := range yTicks {
		left = max(left, 14+wide(t.label))
	}
	if c.X != "" {
		bottom += 18
	}
	d.x.from, d.x.to, d.y.from, d.y.to = left, across-right, down+more-bottom, top+more
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="0 0 %d %d" width="%[1]d" height="%d">`, across, down+more)
	d.WriteString(style)
	fmt.Fprintf(d, "<title>%s</title><desc>%s</desc>", html.EscapeString(c.Title), html.EscapeString(c.words(d.x)))
	d.grid(xTicks, yTicks)
	d.text(8, 16, "start", c.Y)
	d.text((left+across-right)/2, down+more-8, "middle", c.X)
	for i, s := range c.Series {
		d.line(s, c.colour(i), dashes[i%len(dashes)])
	}
	for i, at := range legend {
		y := 31 + legendLine*at.line
		fmt.Fprintf(d, `<path class="c%d" stroke-dasharray="%s" d="M%d %dh24"/>`, c.colour(i), dashes[i%len(dashes)], at.left,
			y)
		d.text(at.left+29, y+4, "start", c.Series[i].Name)
	}
	for _, m := range c.Markers {
		at := d.x.place(m.X)
		fmt.Fprintf(d, `<path class="axis spread" stroke-dasharray="1 3" d="M%.1f %dV%d"/>`, at, d.y.from, d.y.to)
		d.text(min(int(at)+4, across-right-wide(m.Label)), d.y.from-6, "start", m.Label)
	}
	d.WriteString("</svg>")
	return d.String(), nil
}

// axes finds the range of the lines.
func (c Chart) axes() (*canvas, error) {
	d := &canvas{x: axis{log: c.LogX, clock: c.Clock}, y: axis{log: c.LogY}}
	for _, s := range c.Series {
		for _, p := range s.Points {
			d.x.add(p.X)
			d.y.add(p.Y)
			if p.High > p.Low {
				d.y.add(p.Low)
				d.y.add(p.High)
			}
		}
	}
	for _, m := range c.Markers {
		d.x.add(m.X)
	}
	if d.x.max <= 0 || c.LogY && d.y.max <= 0 {
		return nil, fmt.Errorf("draw %q: there is nothing to draw", c.Title)
	}
	return d, nil
}

func (d *canvas) text(x, y int, anchor, text string) {
	if text != "" {
		fmt.Fprintf(d, `<text x="%d" y="%d" text-anchor="%s">%s</text>`, x, y, anchor, html.EscapeString(text))
	}
}

func (d *canvas) grid(xTicks, yTicks []tick) {
	for _, t := range yTicks {
		at := d.y.place(t.value)
		fmt.Fprintf(d, `<path class="grid spread" d="M%d %.1fH%d"/>`, d.x.from, at, d.x.to)
		d.text(d.x.from-6, int(at)+4, "end", t.label)
	}
	for _, t := range xTicks {
		at := d.x.place(t.value)
		fmt.Fprintf(d, `<path class="grid spread" d="M%.1f %dV%d"/>`, at, d.y.from, d.y.to)
		half := wide(t.label) / 2
		d.text(min(max(int(at), half), across-half), d.y.from+18, "middle", t.label)
	}
	fmt.Fprintf(d, `<path class="axis spread" d="M%d %dV%dH%d"/>`, d.x.from, d.y.to, d.y.from, d.x.to)
}

// line is a series and the spread of each of its points.
func (d *canvas) line(s Series, colour int, dash string) {
	var path, dots strings.Builder
	for _, p := range s.Points {
		if d.y.log && p.Y <= 0 {
			continue // there is no such place
		}
		x, y := d.x.place(p.X), d.y.place(p.Y)
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(path.Len(), 1)], x, y)
		if len(s.Points) <= fewPoints {
			fmt.Fprintf(&dots, `<circle class="c%d" cx="%.1f" cy="%.1f" r="3"/>`, colour, x, y)
		}
		if p.High > p.Low {
			fmt.Fprintf(&dots, `<path class="c%d spread" d="M%.1f %.1fV%.1f"/>`, colour, x, d.y.place(p.Low), d.y.place(p.High))
		}
	}
	if path.Len() > 0 {
		fmt.Fprintf(d, `<path class="c%d" stroke-dasharray="%s" d="%s"/>%s`, colour, dash, path.String(), dots.String())
	}
}

// words describes the chart for people who can't see it.
func (c Chart) words(x axis) string {
	var b strings.Builder
	b.WriteString(c.Y)
	if c.X != "" {
		b.WriteString(" by " + c.X)
	}
	b.WriteByte('.')
	for _, s := range c.Series {
		fmt.Fprintf(&b, " %s:", s.Name)
		for i, p := range s.Points {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, " %s at %s", number(p.Y), x.label(p.X))
		}
		b.WriteByte('.')
	}
	return b.String()
}

// colour is that of the i-th line.
func (c Chart) colour(i int) int {
	if at, ok := toned[c.Series[i].Tone]; ok {
		return at
	}
	return i % 7
}

// wide is about how many pixels a text takes: Chinese, Japanese and Korean characters
// take twice as many as others.
func wide(text string) (pixels int) {
	for _, r := range text {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			pixels += 14
		default:
			pixels += 7
		}
	}
	return pixels
}

type legendPlace struct{ left, line int }

// legend finds a place for the name of each series.
func (c Chart) legend() (places []legendPlace) {
	at := legendPlace{left: 8}
	for _, s := range c.Series {
		taken := 29 + wide(s.Name) + 14
		if at.left > 8 && at.left+taken > across {
			at = legendPlace{8, at.line + 1}
		}
		places = append(places, at)
		at.left += taken
	}
	return places
}
