package results

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of what people and Shopify notice.
const (
	// unnoticed is how much longer an owner's request may take without anybody seeing
	// it.
	unnoticed = 20 * time.Millisecond
	// felt is the wait that people begin to feel
	// (https://www.nngroup.com/articles/response-times-3-important-limits/).
	felt = 100 * time.Millisecond
	// notifyWithin bounds the time until a push.
	notifyWithin = time.Second
	// spared is the share of webhooks that may fail before it counts: one in
	// a thousand can be a machine that paused.
	spared = 0.001
)

// Answer is a comparison's answer, as rates in orders a second.
type Answer struct {
	// SameUpTo is the highest rate at which nobody can tell inline from queued;
	// 0 when there is none.
	SameUpTo float64 `json:"same_up_to"`
	// FeltFrom is the rate from which owners feel inline; 0 when none was reached.
	FeltFrom float64 `json:"felt_from"`
	// LostFrom is the rate from which inline passes Shopify's 5 s or refuses webhooks;
	// 0 when none was reached.
	LostFrom float64 `json:"lost_from"`
	// QueuedUpTo is the highest measured rate at which queued keeps bellhop's promises,
	// and QueuedFailsFrom the next, at which it does not; 0 when none was reached.
	QueuedUpTo      float64 `json:"queued_up_to"`
	QueuedFailsFrom float64 `json:"queued_fails_from"`
	// Peak is the busiest second of the user's own traffic; 0 when it is not known.
	Peak float64 `json:"peak"`
}

// Answer finds the answer in the points.
func (c *Comparison) Answer() (a Answer) {
	a.SameUpTo, _ = Edge(c.Rates(Inline), func(r float64) bool { return !c.same(r) })
	_, a.FeltFrom = Edge(c.Rates(Inline), func(r float64) bool { return c.Feels(Inline, r) })
	_, a.LostFrom = Edge(c.Rates(Inline), func(r float64) bool { return c.Loses(Inline, r) })
	a.QueuedUpTo, a.QueuedFailsFrom = c.held(Queued)
	if c.Traffic != nil {
		a.Peak = c.Traffic.Peak()
	}
	return a
}

// Rates are a mode's measured rates.
func (c *Comparison) Rates(m Mode) (all []float64) {
	for _, p := range c.Points {
		if len(p.Of(m)) > 0 {
			all = append(all, p.Rate)
		}
	}
	return all
}

// At returns the samples of a mode at a rate, if there are any.
func (c *Comparison) At(m Mode, rate float64) []Sample {
	for _, p := range c.Points {
		if p.Rate == rate {
			return p.Of(m)
		}
	}
	return nil
}

// Median is that of a figure over samples; 0 if there are none.
func Median(samples []Sample, of func(Sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	return MedianOf(values)
}

// MedianOf is that of values; 0 if there are none.
func MedianOf(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted, n := slices.Sorted(slices.Values(values)), len(values)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// OwnersP99 is how long owners wait.
func OwnersP99(samples []Sample) float64 {
	return Median(samples, func(s Sample) float64 { return float64(s.Owners.P99) })
}

func notifyP99(samples []Sample) float64 {
	return Median(samples, func(s Sample) float64 { return float64(s.Notify.P99) })
}

// FailedShare is the share of webhooks that Shopify would send again.
func (s Sample) FailedShare() float64 { return float64(s.Failed()) / float64(max(1, s.Sent)) }

// IdleP99 is how long owners wait without webhooks.
func (c *Comparison) IdleP99(m Mode) float64 {
	return OwnersP99(slices.DeleteFunc(slices.Clone(c.Idle), func(s Sample) bool { return s.Mode != m }))
}

// same reports whether nobody can tell the modes apart at a rate.
func (c *Comparison) same(rate float64) bool {
	inline, queued := c.At(Inline, rate), c.At(Queued, rate)
	slower := OwnersP99(inline) - OwnersP99(queued)
	return !c.Loses(Inline, rate) && time.Duration(slower) <= unnoticed &&
		notifyP99(inline) <= float64(notifyWithin)
}

// Feels reports whether owners feel the webhooks.
func (c *Comparison) Feels(m Mode, rate float64) bool {
	samples := c.At(m, rate)
	failed := Median(samples, func(s Sample) float64 { return float64(s.OwnersFailed) })
	return failed > 0 || OwnersP99(samples)-c.IdleP99(m) >= float64(felt)
}

// Loses reports whether Shopify has to send webhooks again.
func (c *Comparison) Loses(m Mode, rate float64) bool {
	return Median(c.At(m, rate), Sample.FailedShare) > spared
}

// Fails reports whether a mode that answers first falls behind, or is felt.
func (c *Comparison) Fails(m Mode, rate float64) bool {
	samples := c.At(m, rate)
	unnotified := Median(samples, func(s Sample) float64 { return float64(s.OK-s.Notified) / float64(max(1, s.OK)) })
	return c.Loses(m, rate) || c.Feels(m, rate) || unnotified > spared ||
		notifyP99(samples) > float64(notifyWithin)
}

// held returns the highest rate at which a mode does not fail, and the next.
func (c *Comparison) held(m Mode) (upTo, failsFrom float64) {
	return Edge(c.Rates(m), func(r float64) bool { return c.Fails(m, r) })
}

// Words says it in sentences, the most important first.
func (c *Comparison) Words() (all []string) {
	if len(c.Points) == 0 {
		return []string{"Nothing was measured."}
	}
	a := c.Answer()
	if c.Traffic != nil {
		all = append(all, c.verdict(a))
	}
	all = append(all, c.sameWords(a), c.feltWords(a), c.lostWords(a))
	for _, pool := range c.Settings.Background {
		if m := Background(pool); len(c.Rates(m)) > 0 {
			all = append(all, c.backgroundWords(m))
		}
	}
	return append(append(all, c.queuedWords(a)), c.killWords()...)
}

// verdict says which of the rates lies near the user's traffic.
func (c *Comparison) verdict(a Answer) string {
	peak := fmt.Sprintf("Your busiest second brings %s orders (%s)", Rate(a.Peak), c.Traffic.Source)
	ends := firstOf(a.FeltFrom, a.LostFrom)
	switch {
	case ends > 0 && a.Peak >= ends:
		return peak + ": a queue pays. Handled inside the request, owners would feel it or orders would be lost."
	case ends > 0 && a.Peak >= ends/3:
		return fmt.Sprintf("%s: that is %s of what is too much inside the request. A queue pays soon, and a sale or "+
			"an outage of the push service makes it now.", peak, share(a.Peak/ends))
	case a.QueuedFailsFrom > 0 && a.Peak >= a.QueuedFailsFrom:
		return peak + ": more than this machine holds either way."
	default:
		return fmt.Sprintf("%s: handling orders inside the request is good enough at this traffic, while the push "+
			"service answers within %s.", peak, Took(float64(c.Settings.PushLatency)))
	}
}

func (c *Comparison) sameWords(a Answer) string {
	if a.SameUpTo == 0 {
		return "Already at the lowest rate measured, owners or phones can tell handling inside the request from " +
			"a queue."
	}
	return fmt.Sprintf("Up to %s orders a second nobody can tell handling inside the request from a queue.",
		Rate(a.SameUpTo))
}

func (c *Comparison) feltWords(a Answer) string {
	if a.FeltFrom == 0 {
		return "Owners felt it at no rate that was measured."
	}
	inline, queued := c.At(Inline, a.FeltFrom), c.At(Queued, a.FeltFrom)
	return fmt.Sprintf("From %s on owners feel it: one in a hundred of their requests takes %s and longer inside, and "+
		"%s with the queue.",
		Rate(a.FeltFrom), Took(OwnersP99(inline)), Took(OwnersP99(queued)))
}

func (c *Comparison) lostWords(a Answer) string {
	if a.LostFrom == 0 {
		return "Inside the request no webhook was lost at any rate that was measured."
	}
	inline, queued := c.At(Inline, a.LostFrom), c.At(Queued, a.LostFrom)
	return fmt.Sprintf("From %s on Shopify has to send webhooks again, since they are not answered within 5 s or are "+
		"refused: %s of them inside, %s with the queue.",
		Rate(a.LostFrom), share(Median(inline, Sample.FailedShare)), share(Median(queued, Sample.FailedShare)))
}

func (c *Comparison) backgroundWords(m Mode) string {
	upTo, from := c.held(m)
	name := strings.ToUpper(m.Name()[:1]) + m.Name()[1:]
	switch {
	case upTo == 0:
		return name + ", this machine did not keep up at any rate that was measured."
	case from == 0:
		return fmt.Sprintf("%s, this machine holds %s orders a second, the highest rate measured.", name, Rate(upTo))
	default:
		return fmt.Sprintf("%s, this machine holds %s orders a second. At %s it does not: %s.", name, Rate(upTo), Rate(from),
			c.whyFails(m, from))
	}
}

// killWords says what kills lost: of each mode the worst.
func (c *Comparison) killWords() (all []string) {
	for _, m := range c.Settings.Modes() {
		var worst Kill
		var rate float64
		kills := 0
		for _, p := range c.Points {
			k, ok := p.KillOf(m)
			if !ok {
				continue
			}
			if kills++; kills == 1 || k.NeverPushed > worst.NeverPushed {
				worst, rate = k, p.Rate
			}
		}
		switch {
		case kills == 0:
		case worst.NeverPushed == 0:
			all = append(all, fmt.Sprintf("Killed and started again %s, %s: no acknowledged order is lost, and each rings.",
				times(kills), m.Name()))
		default:
			all = append(all, fmt.Sprintf("Killed and started again %s, %s: the worst is at %s orders a second. Of %s "+
				"acknowledged orders %s are lost and %s never ring, and Shopify does not send them again.", times(kills),
				m.Name(), Rate(rate), Grouped(worst.Acknowledged), noneOr(worst.NeverRecorded),
				Grouped(worst.NeverPushed)))
		}
	}
	return all
}

func noneOr(n int64) string {
	if n == 0 {
		return "none"
	}
	return Grouped(n)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (c *Comparison) queuedWords(a Answer) string {
	if a.QueuedUpTo == 0 {
		return "With the queue this machine did not keep up at any rate that was measured."
	}
	notify := notifyP99(c.At(Queued, a.QueuedUpTo))
	s := fmt.Sprintf("With the queue this machine holds %s orders a second, and 99 of 100 pushes are with the push "+
		"service within %s.", Rate(a.QueuedUpTo), Took(notify))
	if a.QueuedFailsFrom > 0 {
		s += fmt.Sprintf(" At %s it does not: %s.", Rate(a.QueuedFailsFrom), c.whyFails(Queued, a.QueuedFailsFrom))
	}
	return s
}

func (c *Comparison) whyFails(m Mode, rate float64) string {
	var why []string
	samples := c.At(m, rate)
	if c.Loses(m, rate) {
		why = append(why, share(Median(samples, Sample.FailedShare))+" of the webhooks fail")
	}
	if c.Feels(m, rate) {
		why = append(why, "owners feel it")
	}
	if notify := notifyP99(samples); notify > float64(notifyWithin) {
		why = append(why, "one push in a hundred takes "+Took(notify)+" or longer")
	}
	if len(why) == 0 {
		return "some pushes do not come"
	}
	return strings.Join(why, ", ")
}

// firstOf returns the lower of two rates, of which 0 means none.
func firstOf(a, b float64) float64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// Rate writes orders a second as people read them.
func Rate(r float64) string {
	switch {
	case r == 0:
		return "0"
	case r >= 10:
		return Grouped(int64(r + 0.5))
	case r >= 1:
		return strconv.FormatFloat(r, 'f', 1, 64)
	default:
		return strconv.FormatFloat(r, 'g', 2, 64)
	}
}

func share(of1 float64) string {
	if of1 > 0 && of1 < 0.01 {
		return strconv.FormatFloat(100*of1, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(100*of1, 'f', 0, 64) + " %"
}

// Took writes nanoseconds as people read them.
func Took(ns float64) string {
	switch d := time.Duration(ns); {
	case d >= 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 0, 64) + " s"
	case d >= time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d >= 10*time.Millisecond:
		return strconv.FormatFloat(ns/1e6, 'f', 0, 64) + " ms"
	default:
		return strconv.FormatFloat(ns/1e6, 'f', 1, 64) + " ms"
	}
}

// Edge returns the highest of the rates below the lowest from which bad holds
// onwards, and that one; 0 where there is none.
func Edge(rates []float64, bad func(rate float64) bool) (good, from float64) {
	rates = slices.Sorted(slices.Values(rates))
	for i := len(rates) - 1; i >= 0; i-- {
		if !bad(rates[i]) {
			return rates[i], from
		}
		from = rates[i]
	}
	return 0, from
}

// Grouped writes a number with commas between thousands.
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, digit := range s {
		if i > 0 && s[0] != '-' && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}
