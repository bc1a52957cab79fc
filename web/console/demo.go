package console

import (
	"context"
	"slices"
	"strconv"
	"time"

	"bellhop"
	"bellhop/web"
)

// Demo is what stands beside the console in the demo: a phone, and buttons.
type Demo interface {
	// State is how things are now. It is asked for once a second by each page.
	State(ctx context.Context) (DemoState, error)
	// Do begins what a button stands for, and returns soon.
	Do(ctx context.Context, action DemoAction) error
	// Speak tells the phone the language and the time zone of whoever looks at it.
	Speak(ctx context.Context, language, timezone string) error
}

// DemoAction is a button.
type DemoAction string

// The buttons.
const (
	DemoOrder      DemoAction = "order"
	DemoSale       DemoAction = "sale"
	DemoDuplicates DemoAction = "duplicates"
	DemoShuffle    DemoAction = "shuffle"
	DemoBreak      DemoAction = "break"
	DemoMend       DemoAction = "mend"
	DemoPoison     DemoAction = "poison"
	DemoStop       DemoAction = "stop"
	DemoStart      DemoAction = "start"
)

// DemoState is what the demo shows.
type DemoState struct {
	Phone  []DemoNotification // oldest first
	Works  bool               // the worker does
	Broken time.Duration      // how much longer the push service is; 0 when it is not

	DemoBalance
}

// DemoBalance is the acknowledged webhooks by what became of them, read at one moment.
type DemoBalance struct {
	Acknowledged                                               int64
	Recorded, Duplicate, Stale, Skipped, Waiting, Leased, Dead int64
	Twice                                                      int64 // orders that were recorded twice
}

// Sum is how many events are anywhere.
func (b DemoBalance) Sum() int64 {
	return b.Recorded + b.Duplicate + b.Stale + b.Skipped + b.Waiting + b.Leased + b.Dead
}

// Holds reports whether every acknowledged webhook is somewhere, and none twice.
func (b DemoBalance) Holds() bool { return b.Acknowledged == b.Sum() && b.Twice == 0 }

// Since is what came after an earlier balance, all of which was acknowledged.
func (b DemoBalance) Since(e DemoBalance) DemoBalance {
	return DemoBalance{Acknowledged: b.Acknowledged - e.Sum(), Recorded: b.Recorded - e.Recorded, Duplicate: b.Duplicate - e.Duplicate,
		Stale: b.Stale - e.Stale, Skipped: b.Skipped - e.Skipped, Waiting: b.Waiting - e.Waiting, Leased: b.Leased - e.Leased, Dead: b.Dead - e.Dead,
		Twice: b.Twice - e.Twice}
}

// DemoNotification is one slot of the phone's drawer.
type DemoNotification struct{ Tag, Title, Body string }

// demoView is the demo as the page of orders has it.
type demoView struct {
	Buttons []demoButton
	Phone   []DemoNotification // newest first
	Terms   []demoTerm
	Sum     string
	Twice   string
	Holds   bool
	Trouble []string // what was stopped or broken
}

// demoButton is On while it ends what another began.
type demoButton struct {
	Action, Label string
	On            bool
}

type demoTerm struct{ N, Label string }

var demoActions = []DemoAction{DemoOrder, DemoSale, DemoDuplicates, DemoShuffle, DemoPoison, DemoBreak, DemoStop}

func (c *Console) demoView(v *visit) (*demoView, error) {
	if c.Demo == nil || v.Person.Role != bellhop.RoleOwner {
		return nil, nil
	}
	if v.Header.Get("X-Bellhop-Look") == "" { // else two who look would take turns
		if err := c.Demo.Speak(v.Context(), v.Language, v.Zone()); err != nil {
			return nil, err
		}
	}
	s, err := c.Demo.State(v.Context())
	if err != nil {
		return nil, err
	}
	number := func(n int64) string { return v.Number(int(n)) }
	d := &demoView{Sum: number(s.Acknowledged), Twice: number(s.Twice), Holds: s.Holds()}
	for _, a := range demoActions {
		on := true
		switch {
		case a == DemoStop && !s.Works:
			a = DemoStart
			d.Trouble = append(d.Trouble, v.T("demo.stopped"))
		case a == DemoBreak && s.Broken > 0:
			a = DemoMend
			d.Trouble = append(d.Trouble, v.T("demo.broken", "Span", v.Span(s.Broken.Round(time.Second))))
		default:
			on = false
		}
		d.Buttons = append(d.Buttons, demoButton{string(a), v.T("demo.do." + string(a)), on})
	}
	d.Phone = slices.Clone(s.Phone)
	slices.Reverse(d.Phone)
	for _, t := range []struct {
		n     int64
		words string
	}{{s.Recorded, "recorded"}, {s.Duplicate, "duplicate"}, {s.Stale, "stale"}, {s.Skipped, "skipped"}, {s.Waiting, "waiting"}, {s.Leased, "leased"}, {s.Dead, "dead"}} {
		d.Terms = append(d.Terms, demoTerm{number(t.n), v.T("demo." + t.words)})
	}
	return d, nil
}

// doDemo presses a button.
func (c *Console) doDemo(v *visit) error {
	if v.Person.Role != bellhop.RoleOwner {
		return web.ErrNoShop
	}
	action := DemoAction(v.PostForm.Get("do"))
	if action != DemoStart && action != DemoMend && !slices.Contains(demoActions, action) {
		return bellhop.Invalidf("do", "there is no button %s", strconv.Quote(string(action)))
	}
	if err := c.Demo.Do(v.Context(), action); err != nil {
		return err
	}
	return v.back(c, nil)
}
