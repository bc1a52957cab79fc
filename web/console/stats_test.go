package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/chart"
	"bellhop/i18n"
	"bellhop/queue"
	"bellhop/store"
)

// things are a store and a queue as the stats sees them.
type things struct {
	Store
	Queue
	depth   queue.Depth
	totals  map[bellhop.Outcome]int64
	pushes  map[bellhop.PushStatus]int64
	changes []store.Change
	err     error
	looked  int
}

func (s *things) Depth(context.Context) (queue.Depth, error) { return s.depth, s.err }
func (s *things) Totals(context.Context) (map[bellhop.Outcome]int64, error) {
	return s.totals, s.err
}
func (s *things) PushCounts(context.Context) (map[bellhop.PushStatus]int64, error) {
	return s.pushes, s.err
}
func (s *things) LastChange(context.Context) (int64, error) {
	if len(s.changes) == 0 {
		return 0, s.err
	}
	return s.changes[len(s.changes)-1].Seq, s.err
}
func (s *things) Changes(_ context.Context, _ string, after int64, limit int) (found []store.Change, err error) {
	for _, c := range s.changes {
		if c.Seq > after && len(found) < limit {
			found = append(found, c)
		}
	}
	return found, s.err
}
func (s *things) Order(context.Context, string, int64) (bellhop.Order, error) {
	s.looked++
	at := time.Unix(1000, 0)
	return bellhop.Order{Trace: bellhop.Trace{AcceptedAt: at, RecordedAt: at.Add(20 * time.Millisecond),
		PushedAt: at.Add(130 * time.Millisecond)}}, s.err
}

func TestStats(t *testing.T) {
	now := time.Unix(5000, 0)
	s := &things{depth: queue.Depth{Waiting: 3, Leased: 1, Dead: 2, Oldest: time.Second},
		totals:  map[bellhop.Outcome]int64{bellhop.OutcomeRecorded: 100, bellhop.OutcomeDead: 2},
		pushes:  map[bellhop.PushStatus]int64{bellhop.PushSent: 90, bellhop.PushPending: 7},
		changes: []store.Change{{Seq: 50, Kind: store.ChangeRecorded, Shop: "old"}}}
	p := newStats(s, s, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	p.addSample()
	first := p.hour()[0]
	if first.In != 0 || first.Out != 0 || first.Waiting != 3 || first.Dead != 2 || first.Owed != 7 ||
		len(first.Shops) != 0 {
		t.Errorf("the first sample: %+v", first)
	}
	now = now.Add(5 * time.Second)
	s.totals = map[bellhop.Outcome]int64{bellhop.OutcomeRecorded: 150, bellhop.OutcomeDead: 2}
	s.pushes = map[bellhop.PushStatus]int64{bellhop.PushSent: 100}
	s.depth.Waiting = 13
	for n := range 50 {
		s.changes = append(s.changes, store.Change{Seq: int64(51 + 2*n), Kind: store.ChangeRecorded, Shop: "a"},
			store.Change{Seq: int64(52 + 2*n), Kind: store.ChangeSettled, Shop: "a"})
	}
	p.addSample()
	b := p.hour()[1]
	if b.Out != 10 || b.In != 12 || b.Pushed[bellhop.PushSent] != 2 || b.Shops["a"] != 50 ||
		len(b.Recorded) != statsTries || len(b.Notified) != statsTries || s.looked != 2*statsTries {
		t.Errorf("the second sample: %+v, %d orders", b, s.looked)
	}
	if m, ok := middle(b.Notified); !ok || m != 130*time.Millisecond {
		t.Errorf("%v", m)
	}
	// While something is away there is a gap, and no rate over it.
	s.err = errors.New("away")
	p.addSample()
	s.err = nil
	now = now.Add(10 * time.Second)
	p.addSample()
	if all := p.hour(); len(all) != 3 || all[2].In != 0 {
		t.Errorf("%d samples, %+v", len(all), all[len(all)-1])
	}
	for range 730 {
		now = now.Add(5 * time.Second)
		p.addSample()
	}
	if all := p.hour(); len(all) != 721 || !all[720].At.Equal(now) || now.Sub(all[0].At) != time.Hour {
		t.Errorf("%d samples are kept", len(all))
	}
}

// TestCharts draws the samples, and no line where there are none.
func TestCharts(t *testing.T) {
	at := time.Unix(5000, 0)
	samples := []sample{{At: at, Waiting: 4}, {At: at.Add(30 * time.Second), In: 7, Out: 6,
		Pushed: map[bellhop.PushStatus]float64{bellhop.PushSent: 2}, Recorded: []time.Duration{3 * time.Millisecond,
			9 * time.Millisecond, 5 * time.Millisecond}}}
	c, v := &Console{Options: Options{Now: time.Now}}, &visit{frame: frame{Reader: Reader{i18n.For("en", ""),
		time.UTC}}}
	for name, want := range map[string]string{
		"rates":   "[{Incoming [{5030 7 0 0} {5035 7 0 0}] 0} {Processed [{5030 6 0 0} {5035 6 0 0}] 1}]",
		"waiting": "[{Waiting [{5000 4 0 0} {5030 0 0 0}] 0}]",
		"latency": "[{recorded, median [{5030 5 0 0} {5035 5 0 0}] 0} " +
			"{recorded, slowest [{5030 9 0 0} {5035 9 0 0}] 0}]",
	} {
		drawn := c.chart(v, name, samples)
		if got := fmt.Sprint(drawn.Series); got != want {
			t.Errorf("%s: %s", name, got)
		}
		if svg, err := drawn.File(); err != nil || !strings.Contains(string(svg), ">1:23:50 am</text>") {
			t.Errorf("%s: %v %s", name, err, svg)
		}
	}
	if empty := c.chart(v, "rates", samples[:1]); len(empty.Series) != 0 {
		t.Errorf("%v", empty.Series)
	}
}

// Nobody reads "60k milliseconds".
func TestChartsOfTimesHaveAFittingUnit(t *testing.T) {
	at := time.Unix(5000, 0)
	c, v := &Console{Options: Options{Now: time.Now}}, &visit{frame: frame{Reader: Reader{i18n.For("en", ""),
		time.UTC}}}
	for longest, want := range map[time.Duration]string{
		9 * time.Second: "milliseconds 9000", time.Minute: "seconds 60", 30 * time.Minute: "minutes 30",
		20 * time.Hour: "hours 20", 0: "milliseconds 0",
	} {
		samples := []sample{{At: at, Oldest: longest, Recorded: []time.Duration{longest / 2, longest},
			Notified: []time.Duration{longest}}}
		oldest, latency := c.chart(v, "oldest", samples), c.chart(v, "latency", samples)
		for _, got := range []string{fmt.Sprint(oldest.Y, " ", oldest.Series[0].Points[0].Y),
			fmt.Sprint(latency.Y, " ", latency.Series[1].Points[0].Y)} {
			if got != want {
				t.Errorf("%v is drawn as %s, not %s", longest, got, want)
			}
		}
	}
	// Failed pushes are red, and sent ones green.
	pushed := map[bellhop.PushStatus]float64{}
	tones := map[string]chart.Tone{}
	for _, s := range c.chart(v, "pushes", []sample{{At: at, Pushed: pushed}}).Series {
		tones[s.Name] = s.Tone
	}
	if tones["sent"] != chart.Good || tones["failed"] != chart.Bad {
		t.Errorf("%v", tones)
	}
}

// Some queues charge for each request.
func TestStatsRestWhileNobodyWatches(t *testing.T) {
	now := time.Unix(5000, 0)
	s := &things{}
	p := newStats(s, s, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	samples := func(d time.Duration) (n int) {
		for end := now.Add(d); now.Before(end); now = now.Add(statsEvery) {
			if p.due() {
				p.addSample()
				n++
			}
		}
		return n
	}
	if n := samples(10 * time.Minute); n != 20 {
		t.Errorf("%d samples in ten minutes that nobody watched", n)
	}
	p.hour()
	if n := samples(time.Minute); n != 12 {
		t.Errorf("%d samples in a minute that somebody watched", n)
	}
}

func FuzzMask(f *testing.F) {
	f.Add(`{"id":1,"email":"secret-jo@example.com","customer":{"name":"secret-Jo","default_address":[{"zip":"secret"}]},` +
		`"note_attributes":[{"name":"x","value":"secret"}]}`)
	f.Add(`"secret"`)
	f.Add(`[["secret"],{"billing_address":{"id":"secret"}},123]`)
	f.Add(`secret`)
	f.Add(`{"id":1} secret`)
	f.Fuzz(func(t *testing.T, body string) {
		_ = mask([]byte(body)) // whatever comes
	})
}

// TestMask leaves no word of a person's, wherever it stands.
func TestMask(t *testing.T) {
	for _, body := range []string{
		`{"id":1,"email":"secret-jo@example.com","phone":"secret","customer":{"name":"secret-Jo",` +
			`"default_address":[{"zip":"secret","name":"secret"}]}}`,
		`{"billing_address":{"id":"secret","country":"secret"},"note":"secret","note_attributes":[{"name":"x",` +
			`"value":"secret"}],"new_field":"secret"}`,
		`"secret"`, `[["secret"]]`, `secret`, `{"id":1} secret`,
		`{"company":{"name":"secret"},"payment_details":{"name":"secret"}}`,
		`{"shipping_lines":[{"title":"secret","phone":"secret"}]}`,
		`{"receipt":{"card":{"number":"secret","name":"secret"}}}`, `{"secret@example.com":1}`,
		`{"customer":{"note_attributes":{"secret one":"x"}}}`,
		`{"refunds":[{"transactions":[{"receipt":{"name":"secret","payer":{"name":"secret"}}}]}]}`,
		`{"line_items":[{"properties":[{"name":"secret"}],"origin_location":{"name":"secret"}}]}`,
	} {
		if got := mask([]byte(body)); strings.Contains(got, "secret") {
			t.Errorf("%s: %s", body, got)
		}
	}
	if got := mask([]byte(`{"customer":{"accepts_marketing":true},"number":7}`)); strings.Contains(got, "true") ||
		!strings.Contains(got, "7") {
		t.Errorf("%s", got)
	}
	// Depth makes nothing large.
	deep := strings.Repeat("[", 9000) + strings.Repeat("1,", 8000) + "1" + strings.Repeat("]", 9000)
	if got := mask([]byte(deep)); len(got) > 64<<10 {
		t.Errorf("%d bytes of %d", len(got), len(deep))
	}
	if got := mask([]byte(`{"id":820982911946154508,"total_price":"403.00","test":true,"cancelled_at":null,` +
		`"line_items":[{"sku":"TEE","name":"Tee"}]}`)); !strings.Contains(got, "820982911946154508") ||
		!strings.Contains(got, `"403.00"`) || !strings.Contains(got, `"TEE"`) || !strings.Contains(got, "null") {
		t.Errorf("%s", got)
	}
}
