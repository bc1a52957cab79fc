package bellhop

import "time"

// Settings are a person's choices. The zero value of a field is its default. Amounts are decimals
// in the order's currency, as ParseMoney reads them.
type Settings struct {
	Language string `json:"language,omitempty"` // BCP 47; "" follows the browser or the device
	Timezone string `json:"timezone,omitempty"` // IANA; "" follows the browser or the device

	// Pushes of new orders unless NotNew; of other changes only if asked for.
	NotNew    bool `json:"not_new,omitempty"`
	Paid      bool `json:"paid,omitempty"`
	Cancelled bool `json:"cancelled,omitempty"`
	Refunded  bool `json:"refunded,omitempty"`
	// AtLeast leaves out orders of less.
	AtLeast string `json:"at_least,omitempty"`

	// Quiet hours: pushes that fall due wait for their end, and come as one. From and to are times
	// of day such as "22:00"; equal ones mean no quiet hours.
	QuietFrom string `json:"quiet_from,omitempty"`
	QuietTo   string `json:"quiet_to,omitempty"`
	// GatherAbove is how many pushes an hour come by themselves; bellhop gathers more of them
	// into one that grows. 0: as many as the push service takes.
	GatherAbove int `json:"gather_above,omitempty"`
	// LoudFrom is the amount from which on bellhop neither holds back nor gathers pushes.
	LoudFrom string `json:"loud_from,omitempty"`
}

// These bound the bytes of a choice.
const (
	maxLanguage = 35
	maxAmount   = 40
)

// maxGatherAbove is more than anybody hears.
const maxGatherAbove = 1000

// Check refuses unusable settings; the error's code names the field.
func (s Settings) Check() error {
	if _, err := ParseTimezone(s.Timezone); err != nil {
		return err
	}
	if len(s.Language) > maxLanguage {
		return Invalidf("language", "%q is not a language: give a tag such as en-GB", Clip(s.Language, 40))
	}
	for _, f := range []struct{ code, amount string }{{"at_least", s.AtLeast}, {"loud_from", s.LoudFrom}} {
		if err := checkAmount(f.code, f.amount); err != nil {
			return err
		}
	}
	for _, f := range []struct{ code, clock string }{{"quiet_from", s.QuietFrom}, {"quiet_to", s.QuietTo}} {
		if f.clock == "" {
			continue
		}
		if _, err := time.Parse("15:04", f.clock); err != nil {
			return Invalidf(f.code, "%q is not a time of the day: give the form 22:00", Clip(f.clock, 40))
		}
	}
	if (s.QuietFrom == "") != (s.QuietTo == "") {
		return Invalidf("quiet_to", "quiet hours have a beginning and an end")
	}
	if s.GatherAbove < 0 || s.GatherAbove > maxGatherAbove {
		return Invalidf("gather_above", "from %d pushes an hour: give 0 to %d", s.GatherAbove, maxGatherAbove)
	}
	return nil
}

// checkAmount refuses what is no amount; "" is none.
func checkAmount(amountCode, amount string) error {
	if amount == "" {
		return nil
	}
	if m, err := ParseMoney(amount, "USD"); err != nil || m.Units < 0 || len(amount) > maxAmount {
		return Invalidf(amountCode, "%q is not an amount: give a number such as 100 or 49.90", Clip(amount, 40))
	}
	return nil
}

// QuietUntil returns when the quiet hours end that a time lies in, on the clock of
// [Settings.Zone]; zero when it lies in none.
func (s Settings) QuietUntil(t time.Time, others ...string) time.Time {
	from, err1 := time.Parse("15:04", s.QuietFrom)
	to, err2 := time.Parse("15:04", s.QuietTo)
	if err1 != nil || err2 != nil || from.Equal(to) {
		return time.Time{}
	}
	loc := s.Zone(others...)
	local := t.In(loc)
	at := func(day int, clock time.Time) time.Time {
		return time.Date(local.Year(), local.Month(), local.Day()+day, clock.Hour(), clock.Minute(), 0, 0, loc)
	}
	// Yesterday's may still last; then today's.
	for day := -1; day <= 0; day++ {
		begin, end := at(day, from), at(day, to)
		if to.Before(from) {
			end = at(day+1, to)
		}
		if !t.Before(begin) && t.Before(end) {
			return end.UTC()
		}
	}
	return time.Time{}
}

// Zone is the time zone of the settings, or else the first of others that is one: the
// device's, say. Without any it is UTC.
func (s Settings) Zone(others ...string) *time.Location {
	for _, name := range append([]string{s.Timezone}, others...) {
		if loc, err := ParseTimezone(name); name != "" && err == nil {
			return loc
		}
	}
	return time.UTC
}

// Budget is how many pushes come by themselves before bellhop gathers them; zero without a rate.
func (s Settings) Budget() Budget {
	if s.GatherAbove <= 0 {
		return Budget{}
	}
	return Budget{Burst: s.GatherAbove, Refill: time.Hour / time.Duration(s.GatherAbove)}
}

// Loud reports whether bellhop neither holds back nor gathers an order's pushes.
func (s Settings) Loud(total Money) bool { return s.LoudFrom != "" && total.AtLeast(s.LoudFrom) }
