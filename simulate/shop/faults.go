package shop

import (
	"time"

	"bellhop"
)

// Faults are the ways in which a shop fails. Zero is none.
type Faults struct {
	RefreshUnknown int `json:"refresh_520"`  // so many refreshes are answered 520 and change nothing
	RefreshCut     int `json:"refresh_lost"` // so many are done, and the answer never comes

	Away       int    `json:"away"`        // the Admin API answers 402, 404 or 423; with 404 OAuth does, too
	NotAllowed bool   `json:"not_allowed"` // 403: the app's list of addresses lacks the caller's
	MustExpire bool   `json:"must_expire"` // 403 to tokens that don't expire
	Broken     Broken `json:"broken"`      // the Admin API fails
	Oldest     string `json:"oldest"`      // older versions of the Admin API are retired; "" is the oldest known
	NoThrottle bool   `json:"no_throttle"` // answers lack their throttleStatus
	Budget     int    `json:"budget"`      // points that a shop has at most; 0 is 2000. A twentieth comes back a second
	NullStatus bool   `json:"null_status"` // displayFinancialStatus is null
	LagSeconds int    `json:"lag_seconds"` // that the index of orders is behind

	Bulk        BulkFault `json:"bulk"`         // how bulk operations fail
	BulkSeconds int       `json:"bulk_seconds"` // that they run; 0 is two

	Elsewhere bool      `json:"elsewhere"` // the shop is of another organisation: client credentials are refused
	Protected Protected `json:"protected"` // of customers' data, what the app isn't approved for

	Dropped      float64 `json:"dropped"`       // share of webhooks about orders that are never sent
	Delayed      float64 `json:"delayed"`       // share of them that are sent later
	DelaySeconds int     `json:"delay_seconds"` // by so much
	Silent       float64 `json:"silent"`        // share of changes of orders without webhook, and without a new updated_at
}

// Broken is how the Admin API fails.
type Broken string

// The ways.
const (
	BrokenNot     Broken = ""
	BrokenServer  Broken = "500"
	BrokenUnknown Broken = "520"  // as the network before Shopify answers
	BrokenHTML    Broken = "html" // a 200 that is no JSON
	BrokenCut     Broken = "cut"  // the answer ends in its middle
)

// Protected is what Shopify keeps from an app that isn't approved for protected customer data.
type Protected string

// The kinds.
const (
	ProtectedNothing Protected = ""
	ProtectedFields  Protected = "fields" // names, addresses, e-mails and phones are null
	ProtectedPeople  Protected = "people" // customers and addresses are refused, and e-mails and phones
	ProtectedOrders  Protected = "orders" // orders and their topics are refused
)

// maxNumber bounds counts and times. In seconds it is some thirty years: an index so far behind never catches up.
const maxNumber = 1_000_000_000

// check refuses what is no fault.
func (f *Faults) check() error {
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case f.Away != 0 && f.Away != 402 && f.Away != 404 && f.Away != 423:
		return bellhop.Invalidf("faults", "away is %d: give 402, 404, 423, or 0 for none", f.Away)
	case f.Broken != BrokenNot && f.Broken != BrokenServer && f.Broken != BrokenUnknown && f.Broken != BrokenHTML &&
		f.Broken != BrokenCut:
		return bellhop.Invalidf("faults", `broken is %q: give "500", "520", "html", "cut", or "" for none`, string(f.Broken))
	case f.Protected != ProtectedNothing && f.Protected != ProtectedFields && f.Protected != ProtectedPeople &&
		f.Protected != ProtectedOrders:
		return bellhop.Invalidf("faults", `protected is %q: give "fields", "people", "orders", or "" for none`,
			string(f.Protected))
	case f.Bulk != BulkFine && f.Bulk != BulkForbidden && f.Bulk != BulkFailed && f.Bulk != BulkExpired &&
		f.Bulk != BulkCut:
		return bellhop.Invalidf("faults", `bulk is %q: give "forbidden", "failed", "expired", "cut", or "" for none`,
			string(f.Bulk))
	case !share(f.Dropped) || !share(f.Delayed) || !share(f.Silent):
		return bellhop.Invalidf("faults", "dropped, delayed and silent are shares: give 0 to 1")
	}
	for _, n := range []int{f.RefreshUnknown, f.RefreshCut, f.LagSeconds, f.DelaySeconds, f.Budget, f.BulkSeconds} {
		if n < 0 || n > maxNumber {
			return bellhop.Invalidf("faults", "a count or a time is %d: give 0 to %d", n, maxNumber)
		}
	}
	return nil
}

// SetFaults changes how a shop fails.
func (t *Twin) SetFaults(domain string, f Faults) error {
	if err := f.check(); err != nil {
		return err
	}
	return t.change(domain, func(s *shop) error {
		s.fail(f, t.opt.Now())
		return nil
	})
}

// fail lets a shop fail so from now on. What its index knew until now it goes on to show.
func (s *shop) fail(f Faults, now time.Time) {
	s.catchUp(now)
	s.bucket.fill(now)
	s.bucket.resize(f.Budget)
	s.faults = f
}

// SetPoints sets how much of its budget for queries a shop has left now.
func (t *Twin) SetPoints(domain string, points float64) error {
	return t.change(domain, func(s *shop) error {
		s.bucket.set(points, t.opt.Now())
		return nil
	})
}

// fault is what keeps an answer from a refresh.
type fault string

const (
	faultUnknown fault = "520"
	faultCut     fault = "cut"
	faultAway    fault = "away"
)

// statusUnknown is what the network before Shopify answers when it doesn't understand Shopify.
const (
	statusUnknown = 520
	unknownError  = "<!DOCTYPE html>\n<title>520: Web server is returning an unknown error</title>\n"
)
