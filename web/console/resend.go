package console

import (
	"time"

	"bellhop/pipeline"
)

// resendView is the dry run of sending lost pushes again.
type resendView struct {
	*frame
	Rows       []lostRow
	Due, Stale int
}

// lostRow is the pushes of a shop that were lost for one reason.
type lostRow struct {
	Domain, Reason, Count string
	Stays                 string // why they are not sent again; "" where they are
	n                     int
}

type lostKey struct{ shop, reason, stays string }

// resendSince is how far the page looks back.
const resendSince = 3 * 24 * time.Hour

// showResend is the dry run, which comes first.
func (c *Console) showResend(v *visit) error {
	v.At = "overview"
	view := &resendView{frame: &v.frame}
	at := map[lostKey]int{}
	err := c.eachLost(v, false, func(_ pipeline.Lost, found []pipeline.LostPush) error {
		for _, p := range found {
			key := lostKey{p.Shop, p.Reason, p.Stays}
			i, there := at[key]
			if !there {
				i, at[key] = len(view.Rows), len(view.Rows)
				stays := v.label("resend.stays.", p.Stays)
				view.Rows = append(view.Rows, lostRow{Domain: p.Shop, Reason: v.reason(p.Reason), Stays: stays})
			}
			view.Rows[i].n++
			switch p.Stays {
			case "":
				view.Due++
			case pipeline.LostStale:
				view.Stale++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range view.Rows {
		view.Rows[i].Count = v.N("resend.pushes", view.Rows[i].n)
	}
	return c.show(v, "resend", view)
}

// resend owes them again.
func (c *Console) resend(v *visit) error {
	sent := 0
	err := c.eachLost(v, v.PostForm.Get("stale") != "", func(l pipeline.Lost, found []pipeline.LostPush) error {
		n, err := l.Resend(v.Context(), c.Store, found, c.Now())
		sent += n
		return err
	})
	if err != nil {
		return err
	}
	c.Log.InfoContext(v.Context(), "pushes were sent again", "pushes", sent, "person", v.Person.ID)
	if sent == 0 {
		return v.back(c, &notice{Say: "resend.none"})
	}
	return v.back(c, &notice{Say: "resend.done", N: sent})
}

func (c *Console) eachLost(v *visit, stale bool, do func(pipeline.Lost, []pipeline.LostPush) error) error {
	shops, err := c.Store.Shops(v.Context())
	if err != nil {
		return err
	}
	now := c.Now()
	for _, s := range shops {
		lost := pipeline.Lost{Shop: s.Domain, Since: now.Add(-resendSince), Stale: stale}
		found, err := lost.Find(v.Context(), c.Store, now)
		if err == nil {
			err = do(lost, found)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
