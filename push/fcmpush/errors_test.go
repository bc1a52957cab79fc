package fcmpush_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/push"
	"bellhop/push/fcmpush"
)

const badTokenBody = `{
  "error": {
    "code": 400,
    "message": "The registration token is not a valid FCM registration token",
    "status": "INVALID_ARGUMENT",
    "details": [{
      "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
      "errorCode": "INVALID_ARGUMENT"
    }]
  }
}`

// fcmBody is an error in FCM's form. extra is put behind its own detail.
func fcmBody(code, status, message, errorCode, extra string) string {
	details := ""
	if errorCode != "" {
		details = `,"details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"` +
			errorCode + `"}` + extra + `]`
	}
	return `{"error":{"code":` + code + `,"message":"` + message + `","status":"` + status + `"` + details + `}}`
}

func violation(field string) string {
	return `,{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"` + field +
		`","description":"Invalid registration token"}]}`
}

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func message() push.Message {
	return push.Message{
		Device: bellhop.Device{Kind: bellhop.AddressToken, Value: "c7Qx:APA91b-address",
			Form: bellhop.FormNotification},
		Tag: "order-1", Title: "New order #1001", Body: "USD 403.00",
	}
}

func TestAnswers(t *testing.T) {
	after := func(v string) http.Header { return http.Header{"Retry-After": {v}} }
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		want   push.Reason
		wait   time.Duration
		says   string
	}{
		"unregistered":                {404, nil, fcmBody("404", "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED", ""), push.ReasonUnregistered, 0, "404 UNREGISTERED"},
		"no such project":             {404, nil, fcmBody("404", "NOT_FOUND", "Requested entity was not found.", "", ""), push.ReasonNotAllowed, 0, "check that project demo-project"},
		"404 from somebody else":      {404, nil, "<html>not found</html>", push.ReasonNotAllowed, 0, "404"},
		"malformed token":             {400, nil, badTokenBody, push.ReasonBadAddress, 0, "400 INVALID_ARGUMENT"},
		"malformed token, by field":   {400, nil, fcmBody("400", "INVALID_ARGUMENT", "Request contains an invalid argument.", "INVALID_ARGUMENT", violation("message.token")), push.ReasonBadAddress, 0, "for message.token"},
		"malformed fid, by field":     {400, nil, fcmBody("400", "INVALID_ARGUMENT", "Request contains an invalid argument.", "INVALID_ARGUMENT", violation("message.fid")), push.ReasonBadAddress, 0, "for message.fid"},
		"bad ttl":                     {400, nil, fcmBody("400", "INVALID_ARGUMENT", "Request contains an invalid argument.", "INVALID_ARGUMENT", violation("message.android.ttl")), push.ReasonRefused, 0, "for message.android.ttl"},
		"invalid, no field":           {400, nil, fcmBody("400", "INVALID_ARGUMENT", "Request contains an invalid argument.", "INVALID_ARGUMENT", ""), push.ReasonRefused, 0, ""},
		"too large, no details":       {400, nil, fcmBody("400", "INVALID_ARGUMENT", "Message too big", "", ""), push.ReasonRefused, 0, ""},
		"other sender":                {403, nil, fcmBody("403", "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH", ""), push.ReasonBadAddress, 0, "SENDER_ID_MISMATCH"},
		"no permission":               {403, nil, fcmBody("403", "PERMISSION_DENIED", "Permission 'cloudmessaging.messages.create' denied", "", ""), push.ReasonNotAllowed, 0, "give the service account the role"},
		"APNs key":                    {401, nil, fcmBody("401", "UNAUTHENTICATED", "Auth error from APNS or Web Push Service", "THIRD_PARTY_AUTH_ERROR", ""), push.ReasonNotAllowed, 0, "APNs key"},
		"token refused":               {401, nil, fcmBody("401", "UNAUTHENTICATED", "Request had invalid authentication credentials.", "", ""), push.ReasonNotAllowed, 0, "invalid authentication credentials"},
		"quota":                       {429, nil, fcmBody("429", "RESOURCE_EXHAUSTED", "Quota exceeded", "QUOTA_EXCEEDED", ""), push.ReasonQuota, 0, ""},
		"quota, seconds":              {429, after("30"), fcmBody("429", "RESOURCE_EXHAUSTED", "Quota exceeded", "QUOTA_EXCEEDED", ""), push.ReasonQuota, 30 * time.Second, ""},
		"quota, date":                 {429, after(now.Add(90 * time.Second).Format(http.TimeFormat)), "", push.ReasonQuota, 90 * time.Second, ""},
		"quota, a date that is past":  {429, after(now.Add(-time.Hour).Format(http.TimeFormat)), "", push.ReasonQuota, 0, ""},
		"quota, a year":               {429, after("31536000"), "", push.ReasonQuota, time.Hour, ""},
		"quota, nonsense":             {429, after("soon"), "", push.ReasonQuota, 0, ""},
		"quota, negative":             {429, after("-5"), "", push.ReasonQuota, 0, ""},
		"quota, RetryInfo":            {429, nil, fcmBody("429", "RESOURCE_EXHAUSTED", "q", "QUOTA_EXCEEDED", `,{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"21.5s"}`), push.ReasonQuota, 21500 * time.Millisecond, ""},
		"unavailable":                 {503, after("12"), fcmBody("503", "UNAVAILABLE", "The service is currently unavailable.", "UNAVAILABLE", ""), push.ReasonUnavailable, 12 * time.Second, ""},
		"internal":                    {500, nil, fcmBody("500", "INTERNAL", "Internal error encountered.", "INTERNAL", ""), push.ReasonUnavailable, 0, ""},
		"bad gateway in HTML":         {502, nil, "<!DOCTYPE html><title>Error 502 (Server Error)!!1</title>", push.ReasonUnavailable, 0, "502"},
		"gateway timed out":           {504, nil, "", push.ReasonUnknown, 0, ""},
		"redirect":                    {307, http.Header{"Location": {"/elsewhere"}}, "", push.ReasonUnavailable, 0, ""},
		"not modified":                {304, nil, "", push.ReasonUnavailable, 0, ""},
		"success without a name":      {200, nil, "{}", push.ReasonUnknown, 0, ""},
		"success in HTML":             {200, nil, "<html>sign in to the hotel</html>", push.ReasonUnknown, 0, ""},
		"no content":                  {204, nil, "", push.ReasonUnknown, 0, ""},
		"endless":                     {200, nil, `{"name":"` + strings.Repeat("x", 1<<20), push.ReasonUnknown, 0, ""},
		"endless error":               {503, nil, strings.Repeat("x", 1<<20), push.ReasonUnavailable, 0, ""},
		"error code of another type":  {404, nil, `{"error":{"code":404,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","errorCode":"UNREGISTERED"}]}}`, push.ReasonNotAllowed, 0, ""},
		"wrong types inside the JSON": {503, nil, `{"error":{"details":"no"}}`, push.ReasonUnavailable, 0, ""},
		"list":                        {500, nil, `[{"error":{"code":500}}]`, push.ReasonUnavailable, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := f.open(t, func(o *fcmpush.Options) { o.Now = clock })
			if c.want.Retire() { // only once the credentials are known to be right
				if _, err := s.Send(t.Context(), message()); err != nil {
					t.Fatal(err)
				}
			}
			_, before := f.counts()
			f.answer(c.status, c.header, c.body)
			_, err := s.Send(t.Context(), message())
			var e *push.Error
			if !errors.As(err, &e) {
				t.Fatalf("Send returned %v, want a *push.Error", err)
			}
			if e.Reason != c.want || e.RetryAfter != c.wait {
				t.Errorf("%s after %v, want %s after %v: %v", e.Reason, e.RetryAfter, c.want, c.wait, e)
			}
			if !strings.Contains(e.Error(), c.says) || len(e.Error()) > 600 {
				t.Errorf("the error should say %q: %v", c.says, e)
			}
			if _, n := f.counts(); n != before+1 {
				t.Errorf("one Send made %d requests", n-before)
			}
		})
	}
}

// net/http may repeat a request on a connection that it has used before; a
// message must not be among those.
func TestDroppedOnReusedConnectionIsNotRepeated(t *testing.T) {
	f := newFake(t)
	s := f.open(t)
	if _, err := s.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	f.set(drop)
	_, err := s.Send(t.Context(), message())
	if e := push.AsError(err); e.Reason != push.ReasonUnknown {
		t.Errorf("a dropped connection is %s, want unknown: %v", e.Reason, e)
	}
	if _, n := f.counts(); n != 2 {
		t.Errorf("two Sends made %d requests", n)
	}
}

// deadline is a context whose deadline passes when passed is closed.
type deadline struct {
	context.Context
	passed chan struct{}
}

func (d deadline) Done() <-chan struct{} { return d.passed }

func (d deadline) Err() error {
	select {
	case <-d.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestTimeoutIsUnknown(t *testing.T) {
	f := newFake(t)
	s := f.open(t)
	ctx := deadline{t.Context(), make(chan struct{})}
	f.set(func(_ http.ResponseWriter, r *http.Request, _ []byte) {
		close(ctx.passed)
		<-r.Context().Done()
	})
	_, err := s.Send(ctx, message())
	if e := push.AsError(err); e.Reason != push.ReasonUnknown || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a timeout is %s, want unknown: %v", e.Reason, e)
	}
}

func TestNoSuchHostIsUnavailable(t *testing.T) {
	f := newFake(t)
	s := f.open(t, func(o *fcmpush.Options) { o.Endpoint = "http://fcm.invalid:1" })
	_, err := s.Send(t.Context(), message())
	if e := push.AsError(err); e.Reason != push.ReasonUnavailable {
		t.Errorf("a host that isn't there is %s, want unavailable: %v", e.Reason, e)
	}
}

func TestAnswerThatIsNotHTTPIsNotQuoted(t *testing.T) {
	f := newFake(t)
	s := f.open(t)
	f.set(func(w http.ResponseWriter, _ *http.Request, raw []byte) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Write(append(raw, "\r\n\r\n"...))
	})
	m := message()
	_, err := s.Send(t.Context(), m)
	e := push.AsError(err)
	if e.Reason != push.ReasonUnknown || strings.Contains(e.Error(), m.Device.Value) {
		t.Errorf("want unknown, without the address: %v", e)
	}
}

// TestCheckAsksForADevice finds a wrong project by a device's address, which a made-up address
// can't show, and goes on to a device that still exists.
func TestCheckAsksForADevice(t *testing.T) {
	f := newFake(t)
	s := f.open(t)
	f.set(func(w http.ResponseWriter, _ *http.Request, raw []byte) {
		switch {
		case strings.Contains(string(raw), `"token":"there"`):
			io.WriteString(w, `{"name":"projects/demo-project/messages/fake_message_id"}`)
		case strings.Contains(string(raw), "bellhop-check"):
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, badTokenBody)
		default:
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, fcmBody("403", "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH", ""))
		}
	})
	device := func(token string) bellhop.Device {
		d := message().Device
		d.Value = token
		return d
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("without a device: %v", err)
	}
	err := s.Check(t.Context(), device("theirs"), device("of-theirs"))
	if e := push.AsError(err); e.Reason != push.ReasonUnproven ||
		!strings.Contains(e.Error(), "check that project demo-project is the app's") {
		t.Errorf("with devices of another project: %v", err)
	}
	if err := s.Check(t.Context(), device("theirs"), device("there")); err != nil {
		t.Errorf("with one of the project: %v", err)
	}
	if _, err := s.Send(t.Context(),
		push.Message{Device: device("theirs")}); push.AsError(err).Reason != push.ReasonBadAddress {
		t.Errorf("once FCM would take a message: %v", err)
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		says   string // "" when all is well
	}{
		"complains of the token": {400, badTokenBody, ""},
		"complains of something": {400, fcmBody("400", "INVALID_ARGUMENT", "x", "INVALID_ARGUMENT", ""), ""},
		"does not know it":       {404, fcmBody("404", "NOT_FOUND", "x", "UNREGISTERED", ""), ""},
		"takes it":               {200, `{"name":"projects/demo-project/messages/fake_message_id"}`, ""},
		"too many":               {429, "", ""},
		"not FCM":                {400, "bad request", "400"},
		"no permission":          {403, "", "Firebase Cloud Messaging API Admin"},
		"no project":             {404, "", "check that project demo-project is there"},
		"away":                   {503, "", "503"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := f.open(t)
			f.set(func(w http.ResponseWriter, _ *http.Request, raw []byte) {
				if !strings.Contains(string(raw), `"validateOnly":true`) {
					t.Errorf("Check sent a message: %s", raw)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			err := s.Check(t.Context())
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("Check says %v, want %q", err, c.says)
			}
		})
	}
}
