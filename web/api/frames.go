package api

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"bellhop"
	"bellhop/events"
	"bellhop/pipeline"
	"bellhop/store"
	"bellhop/web"
)

// framer writes changes as server-sent events. It looks each order up once,
// and no more than so many.
type framer struct {
	store  Store
	left   int
	orders map[pipeline.OrderKey]*bellhop.Order // nil for one that isn't there
}

// chunk is what goes to one shop's listeners at once.
type chunk struct {
	brief   bool // nobody wants frames
	frames  []byte
	masks   bool    // an operator listens
	masked  []byte  // the frames for operators
	reset   bool    // there was too much; load afresh
	changed []int64 // ids of orders, each once
}

// briefIDs bounds how many changed orders are named; more are named as "any".
const briefIDs = 50

// briefly names only the orders that changed, if they are few. A page that shows them then
// asks for what they are now, as often as it likes.
func (c *chunk) briefly(pos int64, pages int) []byte {
	orders := []string{}
	if !c.reset && len(c.changed) <= briefIDs {
		for _, n := range c.changed {
			orders = append(orders, web.ID(n))
		}
	}
	return changedFrame(pos, changed{Orders: orders, Spread: min(maxSpread, pages*spreadEach), Anew: c.reset})
}

// changed names the changed orders for a page.
type changed struct {
	Orders []string `json:"orders"` // that changed; none stands for any
	// Spread is a number of milliseconds. The pages spread their looks over it, so that they
	// don't all come at once.
	Spread int `json:"spread"`
	// Anew is set where the stream begins: a page that is ahead of it shows what was
	// there before a backup was restored.
	Anew bool `json:"anew,omitempty"`
}

// A look takes the server about two milliseconds; an order is on every page within a
// second all the same.
const (
	spreadEach = 2
	maxSpread  = 500
)

func changedFrame(pos int64, c changed) []byte { return appendFrame(nil, pos, "changed", c) }

// bytes are the frames for one that sees personal data, or for one that does not.
func (c *chunk) bytes(pos int64, masked bool) []byte {
	switch {
	case c.reset:
		return resetFrame(pos)
	case masked:
		return c.masked
	}
	return c.frames
}

func newFramer(s Store, lookUps int) *framer {
	return &framer{store: s, left: lookUps, orders: map[pipeline.OrderKey]*bellhop.Order{}}
}

func (f *framer) add(ctx context.Context, to *chunk, c store.Change) error {
	if len(to.changed) <= briefIDs && !slices.Contains(to.changed, c.OrderID) {
		to.changed = append(to.changed, c.OrderID)
	}
	if to.reset || to.brief {
		return nil
	}
	o, known, err := f.order(ctx, pipeline.OrderKey{Shop: c.Shop, ID: c.OrderID})
	if err != nil {
		return err
	}
	to.reset = !known
	to.frames = appendChange(to.frames, c, o)
	if to.masks {
		if o != nil {
			m := web.MaskOrder(*o)
			o = &m
		}
		to.masked = appendChange(to.masked, c, o)
	}
	return nil
}

func appendChange(frames []byte, c store.Change, o *bellhop.Order) []byte {
	if data := frameData(c, o); data != nil {
		return appendFrame(frames, c.Seq, eventName(c.Kind), data)
	}
	return append(frames, idFrame(c.Seq)...)
}

// eventName is the event's name for a kind of change. This stream has always called a handled
// order an updated one.
func eventName(k store.ChangeKind) string {
	if k == store.ChangeHandled {
		return string(store.ChangeUpdated)
	}
	return string(k)
}

// frameData returns the data of a change's event; nil for none.
func frameData(c store.Change, o *bellhop.Order) any {
	if c.Kind != store.ChangeSettled {
		if o == nil {
			return events.DeletedOrder{ID: web.ID(c.OrderID), Shop: c.Shop, Deleted: true}
		}
		return orderShape(o)
	}
	if o == nil {
		return nil
	}
	if p := pipeline.PushOf(o, c.PushID); p != nil {
		return events.PushOf(p)
	}
	return nil
}

func (f *framer) order(ctx context.Context, k pipeline.OrderKey) (o *bellhop.Order, known bool, err error) {
	if o, ok := f.orders[k]; ok {
		return o, true, nil
	}
	if f.left == 0 {
		return nil, false, nil
	}
	f.left--
	if o, err = pipeline.LoadOrder(ctx, f.store, k); err != nil {
		return nil, false, err
	}
	f.orders[k] = o
	return o, true, nil
}

// appendFrame writes one event. JSON has no line breaks, so that it is one line
// of data.
func appendFrame(b []byte, seq int64, event string, data any) []byte {
	body, _ := json.Marshal(data) // shapes of ours
	b = append(b, "id: "...)
	b = strconv.AppendInt(b, seq, 10)
	b = append(b, "\nevent: "...)
	b = append(b, event...)
	b = append(b, "\ndata: "...)
	b = append(b, body...)
	return append(b, "\n\n"...)
}

// resetFrame asks the client to load afresh, and to go on from seq.
func resetFrame(seq int64) []byte { return appendFrame(nil, seq, "reset", struct{}{}) }

// idFrame moves on the id that a client resumes from; it is no event.
func idFrame(seq int64) []byte {
	return append(strconv.AppendInt([]byte("id: "), seq, 10), "\n\n"...)
}
