package driver

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

var requestKinds = []bellhop.RequestKind{bellhop.RequestGive, bellhop.RequestForget, bellhop.RequestErase,
	bellhop.RequestEraseNow}

// maxPerson is the most that names a request's person: the customer's id, the e-mail address and the phone.
const maxPerson = 3

// CheckRequestQuery refuses to look for a person without the key of the marks.
func CheckRequestQuery(q store.RequestQuery) error {
	if !q.Person.IsZero() {
		return bellhop.Invalidf("person", "a request about a person is found with the key of BELLHOP_KEY alone")
	}
	return nil
}

// CheckRequest returns a request as it is kept.
func CheckRequest(r bellhop.PrivacyRequest) (bellhop.PrivacyRequest, error) {
	switch {
	case r.Shop == "" || !slices.Contains(requestKinds, r.Kind):
		return r, bellhop.Invalidf("request", "a request has a shop, and asks to give, forget or erase")
	case len(r.Subject.Orders) > bellhop.MaxRequestOrders:
		return r, bellhop.Invalidf("request", "a request names %d orders at most", bellhop.MaxRequestOrders)
	case len(r.Marks) > bellhop.MaxRequestOrders+3 || len(r.Marks) > 0 && r.Kind != bellhop.RequestForget:
		return r, bellhop.Invalidf("request", "only a request to forget somebody has marks: %d at most",
			bellhop.MaxRequestOrders+3)
	case len(r.Person) > maxPerson:
		return r, bellhop.Invalidf("request", "a request names one person")
	case len(r.Steps) > bellhop.MaxRequestSteps || len(r.Backups) > bellhop.MaxRequestBackups:
		return r, bellhop.Invalidf("request", "a request has %d steps at most, and as many backups",
			bellhop.MaxRequestSteps)
	}
	for what, text := range map[string]string{"email": r.Subject.Email, "phone": r.Subject.Phone, "by": r.By,
		"fetched_by": r.FetchedBy} {
		if err := checkLength(what, text, bellhop.MaxSubjectText); err != nil {
			return r, err
		}
	}
	r.Steps, r.Backups = slices.Clone(r.Steps), slices.Clone(r.Backups)
	for _, at := range timesOf(&r) {
		*at = at.UTC().Truncate(time.Microsecond)
	}
	if !r.Open() {
		r.Subject = bellhop.Subject{}
	}
	if n := len(WriteRequest(&r)); n > maxRequest {
		return r, bellhop.Invalidf("request", "the record of a request has %d bytes: %d at most", n, maxRequest)
	}
	return r, nil
}

const maxRequest = 1 << 20 // bytes of its document

func timesOf(r *bellhop.PrivacyRequest) []*time.Time {
	all := []*time.Time{&r.RequestedAt, &r.ReceivedAt, &r.DueAt, &r.DoneAt, &r.ExportAt, &r.ExportUntil, &r.FetchedAt}
	for i := range r.Steps {
		all = append(all, &r.Steps[i].At)
	}
	for i := range r.Backups {
		all = append(all, &r.Backups[i].MadeAt, &r.Backups[i].Until)
	}
	return all
}

// ChangeRequest makes a change of a request, and returns the request as it is kept. Its id, shop, kind and
// event stay.
func ChangeRequest(was bellhop.PrivacyRequest, change func(*bellhop.PrivacyRequest) error) (
	bellhop.PrivacyRequest, error) {
	r := was
	if err := change(&r); err != nil {
		return r, err
	}
	r.ID, r.Shop, r.Kind, r.Event = was.ID, was.Shop, was.Kind, was.Event
	return CheckRequest(r)
}

// WriteRequest returns a request's document in its stored form.
func WriteRequest(r *bellhop.PrivacyRequest) string {
	b, _ := json.Marshal(r) // plain fields
	return string(b)
}

// ReadRequest reads the result of [WriteRequest] into r.
func ReadRequest(kept string, r *bellhop.PrivacyRequest) error {
	if err := json.Unmarshal([]byte(kept), r); err != nil {
		return fmt.Errorf("read a privacy request: %w", err)
	}
	return nil
}

// Unmarked reports whether a fact has no marks, and could have some.
func Unmarked(f *bellhop.Fact) bool {
	return len(f.Marks) == 0 && (f.Order != nil || f.History != nil || len(f.Lacks) > 0)
}

// CheckRedact refuses to redact too many orders at once, and for no known reason.
func CheckRedact(ids []int64, why string) error {
	switch {
	case len(ids) > store.RedactMost:
		return bellhop.Invalidf("orders", "%d orders at once: %d at most", len(ids), store.RedactMost)
	case why != bellhop.RedactedForRequest && why != bellhop.RedactedForRetention:
		return bellhop.Invalidf("why", "an order is redacted for a request or for retention")
	}
	return nil
}

// CheckDrop refuses to drop too many bodies at once.
func CheckDrop(events []bellhop.EventID) error {
	if len(events) > store.DropMost {
		return bellhop.Invalidf("events", "%d events at once: %d at most", len(events), store.DropMost)
	}
	return nil
}

// CheckExport refuses an export that is too large.
func CheckExport(export []byte) error {
	if len(export) > store.MaxExport {
		return bellhop.Errorf(bellhop.TooLarge, "export_too_large", "the export has %d bytes: %d at most", len(export),
			store.MaxExport)
	}
	return nil
}

// RequestCursor is the cursor of a page of requests that ends with r.
func RequestCursor(r *bellhop.PrivacyRequest) string { return Cursor(r.ID) }
