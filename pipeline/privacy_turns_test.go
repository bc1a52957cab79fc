package pipeline_test

import (
	"testing"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/store"
)

// TestManyRequestsHoldUpNoOther lets a shop send many requests, and another one a single one after them.
func TestManyRequestsHoldUpNoOther(t *testing.T) {
	d := openDesk(t)
	other := "other.myshopify.com"
	d.must(d.store.AddShop(t.Context(), bellhop.Shop{Domain: other, AddedAt: noon}))
	for n := range 5 {
		d.request(bellhop.RequestForget, bellhop.Subject{CustomerID: int64(n + 1)})
	}
	last, err := d.store.AddRequest(t.Context(), bellhop.PrivacyRequest{Shop: other, Kind: bellhop.RequestForget,
		RequestedAt: d.now, ReceivedAt: d.now, DueAt: d.now, Subject: bellhop.Subject{CustomerID: 7}})
	d.must(err)
	p := d.privacy()
	p.Probe = func(at pipeline.Point) {
		if at == pipeline.PointClosed {
			d.now = d.now.Add(40 * time.Second)
		}
	}
	for _, left := range []int{4, 2, 0} { // each round takes more than a minute after two of them
		d.must(p.Round(t.Context()))
		open, err := d.store.Requests(t.Context(), store.RequestQuery{Open: true})
		d.must(err)
		if r := d.after(last); len(open.Requests) != left || r.Open() {
			t.Errorf("%d are open, not %d; the other shop's is %q", len(open.Requests), left, r.Outcome)
		}
	}
}
