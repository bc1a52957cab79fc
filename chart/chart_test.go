package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

func example() Chart {
	return Chart{Title: "What <owners> feel", X: "webhooks & more", Y: "ms", LogX: true, LogY: true,
		Series: []Series{
			{Name: "inside", Points: []Point{{12, 1.7, 1.5, 2}, {125, 132, 90, 200}, {1250, 820, 800, 860}}},
			{Name: "queue", Points: []Point{{12, 1.8, 0, 0}, {125, 2, 0, 0}, {1250, 0, 0, 0}}},
		},
		Markers: []Marker{{125, "full"}}}
}

// wellFormed reads all of an SVG.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
}

func TestAChartIsDrawnTheSameEachTime(t *testing.T) {
	first, err := example().File()
	if err != nil {
		t.Fatal(err)
	}
	again, err := example().File()
	if err != nil || string(first) != string(again) {
		t.Errorf("drawn again it differs: %v", err)
	}
	svg := string(first)
	wellFormed(t, svg)
	for _, want := range []string{`role="img"`, "What &lt;owners&gt; feel", "inside: 1.7 at 12, 132 at 125",
		"webhooks &amp; more", `class="c0"`, `class="c1"`, ">1,000</text>", ">full</text>"} {
		if !strings.Contains(svg, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if bad := regexp.MustCompile(`NaN|Inf`).FindString(svg); bad != "" {
		t.Errorf("there is %s in it", bad)
	}
}

func TestNothingToDraw(t *testing.T) {
	for name, c := range map[string]Chart{
		"no series":            {Title: "x"},
		"no points":            {Title: "x", Series: []Series{{Name: "a"}}},
		"nothing on a logline": {Title: "x", LogY: true, Series: []Series{{Name: "a", Points: []Point{{X: 1}}}}},
	} {
		if _, err := c.SVG(); err == nil {
			t.Errorf("%s: it was drawn", name)
		}
	}
}

func TestChartsOfLittle(t *testing.T) {
	for name, c := range map[string]Chart{
		"one point":  {X: "x", Series: []Series{{Name: "a", Points: []Point{{5, 3, 0, 0}}}}},
		"all zero":   {X: "x", Series: []Series{{Name: "a", Points: []Point{{1, 0, 0, 0}, {2, 0, 0, 0}}}}},
		"one on log": {X: "x", LogX: true, LogY: true, Series: []Series{{Name: "a", Points: []Point{{10, 10, 0, 0}}}}},
		"large":      {X: "x", LogX: true, Series: []Series{{Name: "a", Points: []Point{{10, 1, 0, 0}, {1e7, 123_456_789, 0, 0}}}}},
	} {
		svg, err := c.SVG()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wellFormed(t, string(svg))
		if strings.Contains(string(svg), "NaN") {
			t.Errorf("%s: NaN", name)
		}
	}
}

func TestTicksHoldAll(t *testing.T) {
	for _, a := range []axis{{min: 0, max: 0.13}, {min: 0, max: 7}, {min: 0, max: 99}, {min: 0, max: 100},
		{log: true, min: 0.02, max: 3}, {log: true, min: 1, max: 1e7}, {log: true, min: 10, max: 10}} {
		low, top := a.min, a.max
		ticks := a.ticks()
		if n := len(ticks); n < 2 || n > 8 {
			t.Errorf("%+v has %d ticks", a, n)
		}
		if ticks[0].value > low+1e-9 || ticks[len(ticks)-1].value < top-1e-9 {
			t.Errorf("%+v: from %v to %v", a, ticks[0].value, ticks[len(ticks)-1].value)
		}
	}
}

// Failures are red, and nothing else is.
func TestColoursSayWhatTheyMean(t *testing.T) {
	red := colourClass(7)
	for tone, want := range map[Tone]string{Good: colourClass(2), Bad: red, Unsure: colourClass(1),
		Aside: colourClass(5)} {
		c := Chart{Title: "t", X: "x", Series: []Series{{Name: "a", Tone: tone, Points: []Point{{X: 1, Y: 1}, {X: 2, Y: 2}}}}}
		svg, err := c.SVG()
		if err != nil || !strings.Contains(string(svg), want) {
			t.Errorf("tone %d is not drawn in %s: %v", tone, want, err)
		}
	}
	many := Chart{Title: "t", X: "x"}
	for range 20 {
		many.Series = append(many.Series, Series{Name: "a", Points: []Point{{X: 1, Y: 1}, {X: 2, Y: 2}}})
	}
	if svg, err := many.SVG(); err != nil || strings.Contains(string(svg), red) {
		t.Errorf("a line that means nothing bad is red: %v", err)
	}
}

func colourClass(i int) string { return `class="c` + string(rune('0'+i)) + `"` }

// The names of lines stand beside each other, and not over each other or outside.
func TestLegendsHaveRoom(t *testing.T) {
	for _, names := range [][]string{
		{"記録、中央値", "記録、最長", "通知、中央値", "通知、最長"}, {"저장, 중앙값", "저장, 가장 느림", "알림, 중앙값", "알림, 가장 느림"},
		{"recorded, median", "recorded, slowest", "notified, median", "notified, slowest"},
	} {
		var c Chart
		for _, n := range names {
			c.Series = append(c.Series, Series{Name: n})
		}
		places := c.legend()
		for i, at := range places {
			full := 0 // pixels that a text takes at the size of 10 points, which are 13.3
			for _, r := range names[i] {
				if full += 7; r > 0x2000 {
					full += 6
				}
			}
			end := at.left + 29 + full
			if end > across || i+1 < len(places) && places[i+1].line == at.line && end > places[i+1].left {
				t.Errorf("%q reaches from %d to %d, over what comes then: %v", names[i], at.left, end, places)
			}
		}
	}
}

// An axis of time has round times of day in the viewer's zone, and no dots hide a line
// of many points.
func TestAClockShowsTimesOfDay(t *testing.T) {
	zone := time.FixedZone("Nepal", 5*3600+45*60)
	began := time.Date(2026, 11, 26, 1, 23, 0, 0, time.UTC)
	c := Chart{Title: "t", Y: "y", Clock: &Clock{Zone: zone, Time: func(t time.Time) string { return t.Format("15:04") }},
		Series: []Series{{Name: "a"}}}
	for i := range 60 {
		c.Series[0].Points = append(c.Series[0].Points, Point{X: float64(began.Add(time.Duration(i) * time.Minute).Unix()),
			Y: 1})
	}
	svg, err := c.SVG()
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, string(svg))
	for _, want := range []string{">07:15</text>", ">07:30</text>", ">08:00</text>", "a: 1 at 07:08"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("there is no %s in %s", want, svg)
		}
	}
	if strings.Contains(string(svg), "<circle") || strings.Count(string(svg), ":") > 80 {
		t.Errorf("dots hide the line, or there are too many times: %s", svg)
	}
	c.Series[0].Points = c.Series[0].Points[:1]
	if svg, err = c.SVG(); err != nil || strings.Contains(string(svg), "NaN") ||
		!strings.Contains(string(svg), "<circle") {
		t.Errorf("one point: %s, %v", svg, err)
	}
}
