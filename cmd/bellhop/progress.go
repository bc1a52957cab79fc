package main

import (
	"fmt"
	"time"
)

// progressEvery is how often a command prints its progress without a terminal.
const progressEvery = 10 * time.Second

// progress prints how far a command is: in one changing line on a terminal, elsewhere in a line now
// and then.
type progress struct {
	*terminal
	bar             bool
	began, reported time.Time
}

func (t *terminal) progress() *progress {
	return &progress{terminal: t, bar: isTerminal(t.err), began: t.now()}
}

// show prints bar on a terminal, elsewhere line: if it is time, or at once.
func (p *progress) show(line, bar string, atOnce bool) {
	if p.bar {
		fmt.Fprintf(p.err, "\r\x1b[K%s", bar)
	} else if now := p.now(); atOnce || now.Sub(p.reported) >= progressEvery {
		p.reported = now
		fmt.Fprintln(p.err, line)
	}
}

// rate says how many came a second since the beginning.
func (p *progress) rate(n int64, of string) string {
	a := 0.0
	if took := p.now().Sub(p.began).Seconds(); took > 0 {
		a = float64(n) / took
	}
	return fmt.Sprintf("%.0f %s/s", a, of)
}

func (p *progress) end() {
	if p.bar {
		fmt.Fprint(p.err, "\r\x1b[K")
	}
}
