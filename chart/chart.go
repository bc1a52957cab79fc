// Package chart draws lines with their spread as SVG that stands in a page or by
// itself: light and dark, readable on a phone and without colours.
package chart

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"

	lib "github.com/wcharczuk/go-chart/v2"
	"github.com/wcharczuk/go-chart/v2/drawing"
	"golang.org/x/text/width"
)

// Chart is what is drawn.
type Chart struct {
	Title, X, Y string
	LogX, LogY  bool
	Series      []Series
	Markers     []Marker
}

// Series is one line.
type Series struct {
	Name   string
	Points []Point
	Tone   Tone
}

// Tone is what a line's colour says. Without one it tells lines apart, and no more.
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

// colour is that of the i-th line.
func (c Chart) colour(i int) drawing.Color {
	if at, ok := toned[c.Series[i].Tone]; ok {
		return palette(at)
	}
	return palette(i % 7)
}

// Point is a value with its spread; Low and High are both 0 where there is none.
type Point struct{ X, Y, Low, High float64 }

// Marker is an upright line that stands for something.
type Marker struct {
	X     float64
	Label string
}

// The size, of which little is left on a phone.
const across, down = 420, 290

// Style is what the colours of charts are taken from. A page has it once; a file by
// itself has it inside.
const Style = `:root{--ink:#1c1c1e;--paper:#fff;--faint:#d9d9de;--c0:#0b57d0;--c1:#a05a00;--c2:#00703c;--c3:#7b3ff2;--c4:#8c3a6b;--c5:#5f6368;--c6:#00696f;--c7:#b3261e}` +
	`@media(prefers-color-scheme:dark){:root{--ink:#ececf1;--paper:#1c1c1e;--faint:#3a3a3f;--c0:#8ab4f8;--c1:#f3b563;--c2:#6dd58c;--c3:#c8a9ff;--c4:#f0a3cd;--c5:#bdc1c6;--c6:#4fd8de;--c7:#ff8a80}}`

// Colours that stand for variables until the end.
var (
	ink     = drawing.Color{R: 1, G: 0, B: 0, A: 255}
	paper   = drawing.Color{R: 2, G: 0, B: 0, A: 255}
	faint   = drawing.Color{R: 3, G: 0, B: 0, A: 255}
	palette = func(i int) drawing.Color { return drawing.Color{R: 10 + uint8(i), G: 0, B: 0, A: 255} }
	dashes  = [][]float64{{6, 4}, nil, {2, 3}, {9, 3, 2, 3}, {4, 2}, {1, 3}, {12, 3}, {2, 1}}
)

// SVG draws it for a page that has [Style].
func (c Chart) SVG() (template.HTML, error) {
	svg, err := c.draw()
	return template.HTML(svg), err
}

// File draws it to stand by itself.
func (c Chart) File() ([]byte, error) {
	svg, err := c.draw()
	at := strings.IndexByte(svg, '>') + 1
	return []byte(svg[:at] + "<style>" + Style + "</style>" + svg[at:] + "\n"), err
}

func (c Chart) draw() (string, error) {
	drawn, err := c.lines()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := drawn.Render(lib.SVG, &b); err != nil {
		return "", fmt.Errorf("draw %q: %w", c.Title, err)
	}
	names := []string{ink.String(), "var(--ink)", paper.String(), "var(--paper)", faint.String(), "var(--faint)"}
	for i := range 8 {
		names = append(names, palette(i).String(), fmt.Sprintf("var(--c%d)", i))
	}
	svg := strings.NewReplacer(names...).Replace(b.String())
	// The library's own font is not on every machine, and measures like this one.
	svg = strings.ReplaceAll(svg, "'Roboto Medium',sans-serif", "system-ui,sans-serif")
	at := strings.Index(svg, " viewBox")
	end := strings.IndexByte(svg, '>') + 1
	return svg[:at] + ` role="img"` + svg[at:end] + "<title>" + html.EscapeString(c.Title) + "</title><desc>" + html.EscapeString(c.words()) + "</desc>" + svg[end:], nil
}

// words says what is drawn to those who don't see it.
func (c Chart) words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s by %s.", c.Y, c.X)
	for _, s := range c.Series {
		fmt.Fprintf(&b, " %s:", s.Name)
		for i, p := range s.Points {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, " %s at %s", number(p.Y), number(p.X))
		}
		b.WriteByte('.')
	}
	return b.String()
}

// axis turns values into places and back into labels.
type axis struct {
	log      bool
	min, max float64
}

func (a *axis) add(v float64) {
	if a.log && v <= 0 {
		return
	}
	if a.min == 0 && a.max == 0 {
		a.min, a.max = v, v
	}
	a.min, a.max = math.Min(a.min, v), math.Max(a.max, v)
}

func (a *axis) place(v float64) float64 {
	if !a.log {
		return v
	}
	return math.Log10(math.Max(v, a.min))
}

// ticks are at most about six round values that hold all between them.
func (a *axis) ticks() (out []lib.Tick) {
	add := func(v float64) { out = append(out, lib.Tick{Value: a.place(v), Label: number(v)}) }
	if !a.log {
		if a.max <= 0 {
			a.max = 1 // all is 0
		}
		step := nice(math.Max(a.max, 1e-9) / 4)
		for v := 0.0; ; v += step {
			add(v)
			if v >= a.max {
				return out
			}
		}
	}
	from, to := math.Floor(math.Log10(a.min)), math.Ceil(math.Log10(a.max))
	a.min = math.Pow(10, from)
	if to == from {
		to++
	}
	for e := from; e <= to; e += math.Max(1, math.Ceil((to-from)/6)) {
		add(math.Pow(10, e))
	}
	if last := math.Pow(10, to); out[len(out)-1].Value < to {
		add(last)
	}
	return out
}

// nice rounds up to 1, 2, 2.5 or 5 times a power of ten.
func nice(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if v <= m*unit*1.0001 {
			return m * unit
		}
	}
	return 10 * unit
}

func number(v float64) string {
	switch {
	case math.Abs(v) >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 3, 64) + "M"
	case math.Abs(v) >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 3, 64) + "k"
	case math.Abs(v) >= 1e3:
		s := strconv.FormatFloat(v, 'f', 0, 64)
		return s[:len(s)-3] + "," + s[len(s)-3:]
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}

func (c Chart) lines() (out lib.Chart, err error) {
	x, y := axis{log: c.LogX}, axis{log: c.LogY}
	for _, s := range c.Series {
		for _, p := range s.Points {
			x.add(p.X)
			for _, v := range []float64{p.Y, p.Low, p.High} {
				if v != 0 || !c.LogY {
					y.add(v)
				}
			}
		}
	}
	for _, m := range c.Markers {
		x.add(m.X)
	}
	if x.max <= 0 || c.LogY && y.max <= 0 {
		return out, fmt.Errorf("draw %q: there is nothing to draw", c.Title)
	}
	xt, yt := x.ticks(), y.ticks()
	text := lib.Style{FontSize: 10, FontColor: ink, StrokeColor: ink, StrokeWidth: 1}
	grid := lib.Style{StrokeColor: faint, StrokeWidth: 1}
	more := 0
	for _, at := range c.legend() {
		more = legendLine * at.line
	}
	out = lib.Chart{
		Width: across, Height: down + more,
		Background: lib.Style{FillColor: paper, StrokeColor: paper, Padding: lib.Box{Top: 46 + more, Left: 6, Right: 14, Bottom: 4}},
		Canvas:     lib.Style{FillColor: paper, StrokeColor: paper},
		XAxis: lib.XAxis{Name: html.EscapeString(c.X), NameStyle: text, Style: text, Ticks: xt, GridMajorStyle: grid, GridLines: gridLines(xt),
			Range: &lib.ContinuousRange{Min: xt[0].Value, Max: xt[len(xt)-1].Value}},
		YAxis: lib.YAxis{AxisType: lib.YAxisSecondary, Style: text, Ticks: yt, GridMajorStyle: grid, GridLines: gridLines(yt),
			Range: &lib.ContinuousRange{Min: yt[0].Value, Max: yt[len(yt)-1].Value}},
	}
	for i, s := range c.Series {
		out.Series = append(out.Series, line(i, s, c.colour(i), x, y)...)
	}
	for _, m := range c.Markers {
		out.Series = append(out.Series, lib.ContinuousSeries{Style: lib.Style{StrokeColor: ink, StrokeWidth: 1, StrokeDashArray: []float64{1, 3}},
			XValues: []float64{x.place(m.X), x.place(m.X)}, YValues: []float64{yt[0].Value, yt[len(yt)-1].Value}})
	}
	out.Elements = []lib.Renderable{c.heads(x, xt)}
	return out, nil
}

func gridLines(ticks []lib.Tick) (all []lib.GridLine) {
	for _, t := range ticks {
		all = append(all, lib.GridLine{Value: t.Value})
	}
	return all
}

// line is a series and the spread of each of its points.
func line(i int, s Series, in drawing.Color, x, y axis) (all []lib.Series) {
	main := lib.ContinuousSeries{Style: lib.Style{StrokeColor: in, StrokeWidth: 2, StrokeDashArray: dashes[i%len(dashes)], DotColor: in, DotWidth: 3}}
	for _, p := range s.Points {
		if y.log && p.Y <= 0 {
			continue // there is no such place
		}
		main.XValues, main.YValues = append(main.XValues, x.place(p.X)), append(main.YValues, y.place(p.Y))
		if p.High > p.Low {
			all = append(all, lib.ContinuousSeries{Style: lib.Style{StrokeColor: in, StrokeWidth: 1},
				XValues: []float64{x.place(p.X), x.place(p.X)}, YValues: []float64{y.place(p.Low), y.place(p.High)}})
		}
	}
	if len(main.XValues) == 0 {
		return nil
	}
	return append(all, main)
}

// legendLine is how far the lines of the legend are apart.
const legendLine = 16

type legendPlace struct{ left, line int }

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

// heads writes what the chart and its lines are called, and names the markers.
func (c Chart) heads(x axis, ticks []lib.Tick) lib.Renderable {
	return func(r lib.Renderer, box lib.Box, _ lib.Style) {
		font, err := lib.GetDefaultFont()
		if err != nil {
			return // it is a part of the library
		}
		write := func(text string, left, top int, size float64, in drawing.Color) {
			lib.Draw.Text(r, html.EscapeString(text), left, top, lib.Style{Font: font, FontSize: size, FontColor: in})
		}
		write(c.Y, 8, 16, 10, ink)
		for i, at := range c.legend() {
			top := 31 + legendLine*at.line
			r.ResetStyle()
			r.SetStrokeColor(c.colour(i))
			r.SetStrokeWidth(2)
			r.SetStrokeDashArray(dashes[i%len(dashes)])
			r.MoveTo(at.left, top)
			r.LineTo(at.left+24, top)
			r.Stroke()
			write(c.Series[i].Name, at.left+29, top+4, 10, ink)
		}
		first, last := ticks[0].Value, ticks[len(ticks)-1].Value
		for _, m := range c.Markers {
			at := box.Left + int((x.place(m.X)-first)/(last-first)*float64(box.Width()))
			write(m.Label, min(at+3, box.Right-wide(m.Label)), box.Bottom-6, 8.5, ink)
		}
	}
}
