package cost

import (
	"fmt"
	"slices"
	"strings"
)

// entry is how orders come to the functions' queue.
type entry int

const (
	byURL         entry = iota // the function accept, behind CloudFront
	byEventBridge              // a rule of the app's partner bus
	byOwnServer                // a server that is there in any case
)

// entries are SQS + Lambda where orders come by another entry. They cost nearly what it costs, so
// that they have rows in the table, and no lines in the chart, which would lie upon its line.
var entries = []way{
	{"EventBridge + SQS + Lambda (modelled)", func(m *month, b *Bill) { m.serverless(b, "direct", byEventBridge) }},
	{"own server + SQS + Lambda (modelled)", func(m *month, b *Bill) { m.serverless(b, "direct", byOwnServer) }},
}

// tabled are the ways with a row.
var tabled = slices.Concat(ways, entries)

// partnerChunkKB is the size up to which EventBridge counts an event once.
const partnerChunkKB = 64

// million is what a million orders cost by a way, at a million a day and without what is free: each
// line of the bill that grows with them.
func (r *Report) million(w way) map[string]float64 {
	o := *r.o
	o.Prices = o.Prices.WithoutFree()
	m := &month{&o, 1e6}
	lines := map[string]float64{}
	for _, i := range w.of(&o, m.perDay).Items {
		lines[i.What] += i.Dollars / m.orders() * 1e6
	}
	for _, i := range w.of(&o, 0).Items {
		lines[i.What] -= i.Dollars / m.orders() * 1e6
	}
	return lines
}

// entryLines are the lines of a bill that tell entries apart, from the way in on.
var entryLines = []string{"EventBridge", "CloudFront", "SQS", "Lambda", starting, "logs"}

// entryCells are those of the table of a million orders, with its head.
func (r *Report) entryCells() [][]string {
	all := [][]string{{"a million orders"}}
	for _, line := range entryLines {
		all = append(all, []string{line})
	}
	all = append(all, []string{"together"})
	for _, w := range slices.Insert(slices.Clone(entries), 0, direct()) {
		all[0] = append(all[0], w.name)
		lines, sum := r.million(w), 0.0
		for i, line := range entryLines {
			sum += lines[line]
			all[i+1] = append(all[i+1], dollars(lines[line]))
		}
		all[len(all)-1] = append(all[len(all)-1], dollars(sum))
	}
	return all
}

// direct is the way that entries are compared with.
func direct() way {
	return ways[slices.IndexFunc(ways, func(w way) bool { return w.name == serverlessWay })]
}

// entryWords says how much less, or more, orders cost by each other entry.
func (r *Report) entryWords() string {
	sum := func(w way) (all float64) {
		lines := r.million(w)
		for _, line := range entryLines {
			all += lines[line]
		}
		return all
	}
	var each []string
	for _, w := range entries {
		less, word := sum(direct())-sum(w), "less"
		if less < 0 {
			less, word = -less, "more"
		}
		each = append(each, fmt.Sprintf("%s %s by %s", dollars(less), word, w.name))
	}
	return fmt.Sprintf("A million orders cost %s than by %s, without free tiers.", strings.Join(each, ", and "),
		serverlessWay)
}
