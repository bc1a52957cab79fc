package console

import (
	"net/http"
	"strings"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/store"
	"bellhop/web"
)

// deadView lists the dead letters.
type deadView struct {
	*frame
	Rows        []deadRow
	Next, First string
}

type deadRow struct {
	ID, Domain, Topic, WebhookID, Reason, Attempts, Accepted, Died string

	Plan string // the result of a dry run
	Good bool
}

// deadPage is how many dead letters a page lists, or a dry run tries.
const deadPage = 50

func (c *Console) showDead(v *visit) error {
	v.At = "dead"
	after, err := parseCursor(v.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	dead, err := c.Queue.DeadLetters(v.Context(), after, deadPage)
	if err != nil {
		return err
	}
	view := &deadView{frame: &v.frame, Rows: web.Each(dead, v.deadRow)}
	if len(dead) == deadPage {
		last := dead[deadPage-1].Cursor()
		view.Next = withQuery("/dead", "after", last.DiedAt.Format(time.RFC3339Nano)+"_"+last.ID.String())
	}
	if after != (queue.Cursor{}) {
		view.First = "/dead"
	}
	return c.show(v, "dead", view)
}

func parseCursor(s string) (c queue.Cursor, err error) {
	if s == "" {
		return c, nil
	}
	at, eventID, _ := strings.Cut(s, "_")
	if c.DiedAt, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return c, bellhop.Invalidf("after", "after is a time and an event's id")
	}
	c.ID, err = bellhop.ParseEventID(eventID)
	return c, err
}

func (v *visit) deadRow(d *queue.DeadEvent) deadRow {
	e := d.Event
	return deadRow{ID: e.ID.String(), Domain: e.Shop, Topic: e.Topic, WebhookID: e.WebhookID, Reason: d.Reason,
		Attempts: v.N("dead.attempts", d.Attempts), Accepted: v.Moment(e.AcceptedAt), Died: v.Moment(d.DiedAt)}
}

// deadEventView is one dead letter.
type deadEventView struct {
	*frame
	deadRow
	Body     string
	Masked   bool
	Accesses []string // who saw the body
}

func (c *Console) showDeadEvent(v *visit) error { return c.deadEvent(v, false) }

// showBody shows a whole body, after it recorded who asked.
func (c *Console) showBody(v *visit) error { return c.deadEvent(v, true) }

func (c *Console) deadEvent(v *visit, whole bool) error {
	v.At = "dead"
	eventID, err := bellhop.ParseEventID(v.PathValue("id"))
	if err != nil {
		return bellhop.Errorf(bellhop.NotFound, "dead_letter_not_found", "there is no such dead letter")
	}
	d, err := c.Queue.DeadLetter(v.Context(), eventID)
	if err != nil {
		return err
	}
	view := &deadEventView{frame: &v.frame, deadRow: v.deadRow(&d), Masked: !whole}
	if whole {
		now := c.Now().UTC().Truncate(time.Microsecond)
		access := bellhop.Access{Shop: d.Event.Shop, At: now, By: v.Person.Email, What: bellhop.AccessBody, About: view.ID}
		if err := c.Store.AddAccess(v.Context(), access); err != nil {
			return err
		}
		c.Log.InfoContext(v.Context(), "a dead letter's body was shown", "event", view.ID, "person", v.Person.ID)
		view.Body = string(d.Event.Body)
	} else {
		view.Body = mask(d.Event.Body)
	}
	page, err := c.Store.Accesses(v.Context(), store.AccessQuery{About: view.ID, Limit: 20})
	if err != nil {
		return err
	}
	for _, a := range page.Accesses {
		if a.What == bellhop.AccessBody {
			view.Accesses = append(view.Accesses, v.T("dead.access", "Who", a.By, "When", v.Moment(a.At)))
		}
	}
	return c.show(v, "deadLetter", view)
}

// replayView is the result of a dry run of dead letters.
type replayView struct {
	*frame
	Rows []deadRow
	All  bool
	Drop bool // a dry run of dropping them
	More int  // dead letters that were not tried
	Good int
}

// settleDead first shows a dry run of dead letters. Then it puts them back into the queue or
// drops them.
func (c *Console) settleDead(v *visit) error {
	v.At = "dead"
	all, drop := v.PostForm.Get("all") != "", v.PostForm.Get("drop") != ""
	var ids []bellhop.EventID
	for _, text := range v.PostForm["letter"] {
		eventID, err := bellhop.ParseEventID(text)
		if err != nil {
			return bellhop.Invalidf("letter", "a dead letter is named by its event's id")
		}
		ids = append(ids, eventID)
	}
	if len(ids) == 0 && !all || len(ids) > web.MaxHandlings {
		return v.back(c, &notice{Say: "dead.pick", Bad: true})
	}
	if v.PostForm.Get("sure") == "" {
		return c.dryRun(v, ids, all, drop)
	}
	if all {
		ids = nil
	}
	if drop {
		return c.dropDead(v, ids)
	}
	n, err := c.Queue.Redrive(v.Context(), ids...)
	if err != nil {
		return err
	}
	c.Log.InfoContext(v.Context(), "dead letters were replayed", "letters", n, "person", v.Person.ID)
	return v.back(c, &notice{Say: "dead.replayed", N: n})
}

// dropDead drops the dead letters with these ids, or all, in the visitor's name.
func (c *Console) dropDead(v *visit, ids []bellhop.EventID) error {
	dead, err := pipeline.DeadLetters(v.Context(), c.Queue, ids...)
	if err != nil {
		return err
	}
	if err := pipeline.DropDead(v.Context(), c.Queue, c.Store, v.Person.Email, c.Now(), dead); err != nil {
		return err
	}
	c.Log.InfoContext(v.Context(), "dead letters were dropped", "letters", len(dead), "person", v.Person.ID)
	return v.back(c, &notice{Say: "dead.dropped", N: len(dead)})
}

func (c *Console) dryRun(v *visit, ids []bellhop.EventID, all, drop bool) error {
	view := &replayView{frame: &v.frame, All: all, Drop: drop}
	if all {
		depth, err := c.Queue.Depth(v.Context())
		if err != nil {
			return err
		}
		dead, err := c.Queue.DeadLetters(v.Context(), queue.Cursor{}, deadPage)
		if err != nil {
			return err
		}
		for i := range dead {
			ids = append(ids, dead[i].Event.ID)
		}
		view.More = max(0, depth.Dead-len(dead))
	}
	shops, err := c.Store.Shops(v.Context())
	if err != nil {
		return err
	}
	for _, eventID := range ids {
		d, err := c.Queue.DeadLetter(v.Context(), eventID)
		if bellhop.KindOf(err) == bellhop.NotFound {
			continue // somebody replayed it meanwhile
		}
		if err != nil {
			return err
		}
		row := v.deadRow(&d)
		row.Plan, row.Good = v.plan(d.Event, shops)
		if row.Good {
			view.Good++
		}
		view.Rows = append(view.Rows, row)
	}
	return c.render(v.w, http.StatusOK, "replay", view)
}

// plan says in words what recording an event would do now.
func (v *visit) plan(e *bellhop.Event, shops []bellhop.Shop) (words string, good bool) {
	switch outcome, reason, order := pipeline.Foresee(e, shops); outcome {
	case bellhop.OutcomeDead:
		return v.T("dead.planDead", "Reason", reason), false
	case bellhop.OutcomeSkipped:
		return v.T("dead.planSkipped", "Reason", v.why(reason)), false
	default:
		return v.T("dead.planRecorded", "Order", web.ID(order)), true
	}
}
