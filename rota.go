package bellhop

import (
	"fmt"
	"slices"
	"time"
)

// Rota is the people of a shop, in the order in which an order rings them until somebody takes it.
// A shop without one is nil.
type Rota struct {
	People []int64 `json:"people"`         // ids; whoever leaves the shop drops out
	After  int     `json:"after"`          // minutes from one ring to the next
	From   string  `json:"from,omitempty"` // the amount from which on orders ring; "" for all
}

// These bound a rota.
const (
	MaxRota      = 20
	RotaAfter    = 5 // minutes, unless a shop has its own
	maxRotaAfter = 24 * 60
)

// Check refuses an unusable rota; the error's code names the field.
func (r *Rota) Check() error {
	switch {
	case len(r.People) == 0 || len(r.People) > MaxRota:
		return Invalidf("people", "a rota has 1 to %d people", MaxRota)
	case r.After < 1 || r.After > maxRotaAfter:
		return Invalidf("after", "%d minutes: give 1 to %d", r.After, maxRotaAfter)
	}
	for i, id := range r.People {
		if id < 1 || slices.Contains(r.People[:i], id) {
			return Invalidf("people", "each person stands in a rota once")
		}
	}
	return checkAmount("from", r.From)
}

// Matters reports whether an order of this total rings the rota. One without a total is not below any.
func (r *Rota) Matters(total Money) bool {
	return r != nil && (r.From == "" || total.Currency == "" || total.AtLeast(r.From))
}

// Wait is the time from one ring to the next.
func (r *Rota) Wait() time.Duration { return time.Duration(r.After) * time.Minute }

// Duty is when somebody is on duty: outside their quiet hours, on their clock.
type Duty struct {
	Settings Settings
	Timezone string // of their device, for settings without one
}

// On reports whether they are on duty.
func (d Duty) On(now time.Time) bool { return d.Until(now).IsZero() }

// Until is when somebody's quiet hours end; zero for somebody on duty.
func (d Duty) Until(now time.Time) time.Time { return d.Settings.QuietUntil(now, d.Timezone) }

// Hole is a time of the day at which nobody is on duty, such as 02:00 to 06:00. A whole day ends at 24:00.
type Hole struct {
	From string `json:"from"`
	To   string `json:"to"`
}

const minutes = 24 * 60

// Holes returns when nobody of a list is on duty, on the clock of a time zone, as of a day.
func Holes(list []Duty, day time.Time, in *time.Location) (holes []Hole) {
	var quiet [minutes]int // of how many
	for _, d := range list {
		from, length := d.quiet(day, in)
		for m := range length {
			quiet[(from+m)%minutes]++
		}
	}
	none := func(m int) bool { return quiet[(m+minutes)%minutes] == len(list) }
	for m := range minutes {
		if !none(m) || none(m-1) {
			continue
		}
		end := m
		for none(end) {
			end++
		}
		holes = append(holes, Hole{clock(m), clock(end % minutes)})
	}
	if holes == nil && none(0) {
		holes = []Hole{{clock(0), clock(minutes)}}
	}
	return holes
}

// quiet returns the first minute of somebody's quiet hours on the clock of a zone, and their number.
func (d Duty) quiet(day time.Time, in *time.Location) (from, length int) {
	begin, err1 := time.Parse("15:04", d.Settings.QuietFrom)
	end, err2 := time.Parse("15:04", d.Settings.QuietTo)
	if err1 != nil || err2 != nil {
		return 0, 0
	}
	own := d.Settings.Zone(d.Timezone)
	year, month, date := day.In(own).Date()
	there := time.Date(year, month, date, begin.Hour(), begin.Minute(), 0, 0, own).In(in)
	length = int(end.Sub(begin)/time.Minute+minutes) % minutes
	return there.Hour()*60 + there.Minute(), length
}

func clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }
