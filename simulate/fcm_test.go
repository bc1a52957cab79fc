package simulate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/fcm/v1"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"bellhop/simulate"
)

func TestSendThroughGooglesClient(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	svc, err := fcm.NewService(t.Context(), option.WithEndpoint(w.srv.URL+"/"), option.WithHTTPClient(w.client))
	if err != nil {
		t.Fatal(err)
	}
	send := func(to string) error {
		_, err := svc.Projects.Messages.Send("projects/"+simulate.DefaultProject,
			&fcm.SendMessageRequest{Message: &fcm.Message{
				Token: to, Notification: &fcm.Notification{Title: "Order #1001", Body: "USD 403.00"},
				Data: map[string]string{"order": "820982911946154508"},
				Android: &fcm.AndroidConfig{Ttl: "3600s", Priority: "HIGH", Notification: &fcm.AndroidNotification{
					Tag: "order-1", ChannelId: "orders", Visibility: "PRIVATE"}},
				Apns: &fcm.ApnsConfig{Headers: map[string]string{"apns-collapse-id": "order-1"},
					Payload: googleapi.RawMessage(`{"aps":{"sound":"default"}}`)},
			}}).Context(t.Context()).Do()
		return err
	}
	if err := send(token); err != nil {
		t.Fatal(err)
	}
	slots := w.Drawer(token)
	if len(slots) != 1 || slots[0].Tag != "order-1" || slots[0].Title != "Order #1001" {
		t.Errorf("drawer: %+v", slots)
	}
	w.Unregister(token)
	var e *googleapi.Error
	if err := send(token); !asError(err, &e) || e.Code != 404 || !strings.Contains(e.Body, `"UNREGISTERED"`) {
		t.Errorf("to a token that is gone: %v", err)
	}
}

func asError(err error, e **googleapi.Error) bool {
	g, ok := err.(*googleapi.Error)
	*e = g
	return ok
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("x", 4097)
	w := startFCM(t, simulate.FCMOptions{Unlimited: true})
	for name, c := range map[string]struct {
		message string
		status  int
		has     []string
	}{
		"data":           {`"data":{"a":"b"}`, 200, []string{`"name": "projects/bellhop-demo/messages/0:`}},
		"both spellings": {`"android":{"collapse_key":"k","restrictedPackageName":"p","ttl":"0s"},"fcm_options":{"analyticsLabel":"l"}`, 200, nil},
		"null":           {`"notification":null,"data":{"a":"b"}`, 200, nil},
		"longest ttl":    {`"android":{"ttl":"2419200s"}`, 200, nil},
		"two targets":    {`"topic":"news"`, 400, []string{`oneof field 'target' is already set`, "BadRequest", `"field": "message"`}},
		"unknown field":  {`"colour":"red"`, 400, []string{`Unknown name \"colour\" at 'message': Cannot find field.`, `"field": "message"`}},
		"unknown deeper": {`"android":{"notification":{"tagg":"x"}}`, 400, []string{`Unknown name \"tagg\" at 'message.android.notification'`}},
		"number in data": {`"data":{"n":5}`, 400, []string{`Invalid value at 'message.data[0].value' (TYPE_STRING), 5`, `"field": "message.data[0].value"`}},
		"from":           {`"data":{"from":"x"}`, 400, []string{"Invalid data payload key: from", `"errorCode": "INVALID_ARGUMENT"`}},
		"google.x":       {`"data":{"google.x":"x"}`, 400, []string{"Invalid data payload key"}},
		"gcm":            {`"data":{"gcm":"x"}`, 400, []string{"Invalid data payload key"}},
		"message_type":   {`"data":{"message_type":"x"}`, 400, []string{"Invalid data payload key"}},
		"too big":        {`"data":{"a":"` + long + `"}`, 400, []string{`"message": "Android message is too big"`, `"INVALID_ARGUMENT"`}},
		"too big notice": {`"notification":{"title":"` + long + `"}`, 400, []string{"too big"}},
		"too big apns":   {`"apns":{"payload":{"aps":{"x":"` + long + `"}}}`, 400, []string{"APNS message is too big"}},
		"ttl too long":   {`"android":{"ttl":"2419201s"}`, 400, []string{`"field": "message.android.ttl"`}},
		"ttl below 0":    {`"android":{"ttl":"-1s"}`, 400, []string{`"field": "message.android.ttl"`}},
		"ttl unit":       {`"android":{"ttl":"5m"}`, 400, []string{"duration must end with 's'"}},
		"priority":       {`"android":{"priority":"urgent"}`, 400, []string{"TYPE_ENUM"}},
		"collapse id":    {`"apns":{"headers":{"apns-collapse-id":"` + long[:65] + `"}}`, 400, []string{"apns-collapse-id"}},
		"apns priority":  {`"apns":{"headers":{"apns-priority":"7"}}`, 400, []string{"apns-priority"}},
		"wrong type":     {`"notification":"hello"`, 400, []string{"Invalid value at 'message.notification'"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, _ := w.message(c.message)
			if status != c.status {
				t.Errorf("status %d, want %d: %s", status, c.status, body)
			}
			for _, has := range c.has {
				if !strings.Contains(body, has) {
					t.Errorf("no %s in %s", has, body)
				}
			}
			if name == "too big" && strings.Contains(body, "details") {
				t.Errorf("FCM gives no details with this one: %s", body)
			}
		})
	}
}

func TestTargets(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{Unlimited: true})
	for target, want := range map[string]int{
		`"token":"` + token + `"`:              200,
		`"fid":"` + fid + `"`:                  200,
		`"topic":"news"`:                       200,
		`"condition":"'a' in topics"`:          200,
		`"token":"abc"`:                        400,
		`"token":"` + token[:40] + `"`:         400,
		`"token":"` + token[:60] + " " + `"`:   400,
		`"fid":"` + fid[:21] + `"`:             400,
		`"fid":"A` + fid[1:] + `"`:             400,
		`"topic":"a b"`:                        400,
		`"topic":""`:                           400,
		`"notification":{"title":"to nobody"}`: 400,
	} {
		status, body, _ := w.post(`{"message":{` + target + `}}`)
		if status != want {
			t.Errorf("%s: %d, want %d: %s", target, status, want, body)
		}
		if want == 400 && (!strings.Contains(body, "google.firebase.fcm.v1.FcmError") ||
			!strings.Contains(body, `"field": "message.`)) {
			t.Errorf("%s: %s", target, body)
		}
	}
	for _, body := range []string{`{`, `[]`, `"x"`, `{}`, `{"message":null}`, `{"mesage":{}}`} {
		if status, _, _ := w.post(body); status != 400 {
			t.Errorf("%s: %d, want 400", body, status)
		}
	}
	if status, body, _ := w.post(`{"validate_only":true,"message":{"token":"` + token + `"}}`); status != 200 ||
		!strings.Contains(body, "fake_message_id") {
		t.Errorf("validate_only: %d %s", status, body)
	}
	if n := w.Counts().Taken; n != 4 {
		t.Errorf("%d messages taken, want 4", n)
	}
}

func TestFaultsAnswerAsFCM(t *testing.T) {
	for fault, c := range map[simulate.Fault]struct {
		status int
		has    []string
		taken  int64
	}{
		simulate.FaultMismatch: {403,
			[]string{`"status": "PERMISSION_DENIED"`, `"errorCode": "SENDER_ID_MISMATCH"`}, 0},
		simulate.FaultQuota: {429, []string{`"status": "RESOURCE_EXHAUSTED"`, `"errorCode": "QUOTA_EXCEEDED"`},
			0},
		simulate.FaultInternal:    {500, []string{`"status": "INTERNAL"`, `"errorCode": "INTERNAL"`}, 0},
		simulate.FaultGateway:     {502, []string{"<!DOCTYPE html>"}, 0},
		simulate.FaultUnavailable: {503, []string{`"status": "UNAVAILABLE"`, `"errorCode": "UNAVAILABLE"`}, 0},
		simulate.FaultAmbiguous:   {503, []string{`"errorCode": "UNAVAILABLE"`}, 1},
		simulate.FaultUnregistered: {404, []string{`"message": "Requested entity was not found."`,
			`"status": "NOT_FOUND"`, `"errorCode": "UNREGISTERED"`}, 0},
	} {
		w := startFCM(t, simulate.FCMOptions{Faults: simulate.Faults{fault: 1}, RetryAfter: 7 * time.Second})
		status, body, header := w.message(`"notification":{"title":"x"}`)
		if status != c.status {
			t.Errorf("%s: %d, want %d", fault, status, c.status)
		}
		for _, has := range c.has {
			if !strings.Contains(body, has) {
				t.Errorf("%s: no %s in %s", fault, has, body)
			}
		}
		if got := header.Get("Retry-After"); (fault == simulate.FaultQuota) != (got == "7") {
			t.Errorf("%s: Retry-After %q", fault, got)
		}
		if n := w.Counts().Taken; n != c.taken {
			t.Errorf("%s: %d messages taken, want %d", fault, n, c.taken)
		}
		w.SetFaults(nil)
		status, _, _ = w.message(`"data":{}`)
		if gone := fault == simulate.FaultUnregistered; gone != (status == 404) || !gone && status != 200 {
			t.Errorf("after %s: %d", fault, status)
		}
	}
}

func TestHangDeliversAndNeverAnswers(t *testing.T) {
	arrived := make(chan simulate.Sent, 1)
	w := startFCM(t, simulate.FCMOptions{
		Faults: simulate.Faults{simulate.FaultHang: 1}, OnSend: func(s simulate.Sent) { arrived <- s },
	})
	tok, err := w.config.TokenSource(t.Context()).Token()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "POST",
		w.srv.URL+"/v1/projects/"+simulate.DefaultProject+"/messages:send",
		strings.NewReader(`{"message":{"token":"`+token+`","notification":{"title":"x"}}}`))
	tok.SetAuthHeader(req)
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := http.DefaultClient.Do(req); err == nil {
		t.Error("an answer came")
	}
	if sent := w.Sent(); len(sent) != 1 || sent[0].Fault != simulate.FaultHang || len(w.Drawer(token)) != 1 {
		t.Errorf("sent: %+v", sent)
	}
}

func TestFaultsKeepTheirRates(t *testing.T) {
	faults, err := simulate.ParseFaults("429=2%, 503=3%,ambiguous=1%")
	if err != nil {
		t.Fatal(err)
	}
	run := func(seed uint64) map[string]int64 {
		w := startFCM(t, simulate.FCMOptions{Faults: faults, Seed: seed, Unlimited: true})
		for range 1000 {
			w.message(`"data":{}`)
		}
		return w.Counts().Answers
	}
	a, b := run(1), run(1)
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("the same seed failed differently: %v, %v", a, b)
	}
	if n := a["429"]; n < 8 || n > 40 {
		t.Errorf("%d of 1000 answered 429, want about 20", n)
	}
	if n := a["503"]; n < 20 || n > 70 {
		t.Errorf("%d of 1000 answered 503, want about 40", n)
	}
}

func TestParse(t *testing.T) {
	f, err := simulate.ParseFaults("429=1%,hang=0.5%")
	if err != nil || f.String() != "429=1%,hang=0.5%" {
		t.Errorf("%v %v", f, err)
	}
	for _, bad := range []string{"418=1%", "429", "429=x", "429=60%,503=60%", "429=-1%"} {
		if _, err := simulate.ParseFaults(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for in, want := range map[string]float64{"100/s": 100, "30/m": 0.5, "2": 2} {
		if got, err := simulate.ParseRate(in); err != nil || got != want {
			t.Errorf("%s: %v %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "fast", "1/d", "-1/s"} {
		if _, err := simulate.ParseRate(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestMismatchStays(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	w.Mismatch(token)
	for range 2 {
		if s, body, _ := w.message(`"data":{}`); s != 403 || !strings.Contains(body, "SENDER_ID_MISMATCH") {
			t.Errorf("%d %s", s, body)
		}
	}
}

func TestBrokenFromOutside(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	control := func(body string) int {
		resp, err := http.Post(w.srv.URL+"/_/faults", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if s := control(`{"broken":true}`); s != 200 {
		t.Fatal(s)
	}
	if s, _, _ := w.message(`"data":{}`); s != 503 {
		t.Errorf("broken: %d", s)
	}
	control(`{"broken":false,"faults":"500=100%"}`)
	if s, _, _ := w.message(`"data":{}`); s != 500 {
		t.Errorf("500=100%%: %d", s)
	}
	if s := control(`{"faults":"no=1%"}`); s != 400 {
		t.Errorf("a wrong fault: %d", s)
	}
	if s := control(`{`); s != 400 {
		t.Errorf("not JSON: %d", s)
	}
}

func TestOwnEndpoints(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	w.notify(token, "order-1", "first")
	w.notify(token, "order-1", "again")
	get := func(path string, v any) {
		resp, err := http.Get(w.srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
			t.Fatal(err)
		}
	}
	var sent struct{ Sent []simulate.Sent }
	get("/_/sent", &sent)
	if len(sent.Sent) != 2 || sent.Sent[1].Title != "again" || sent.Sent[1].Device != token {
		t.Errorf("sent: %+v", sent)
	}
	get("/_/sent?limit=1", &sent)
	if len(sent.Sent) != 1 {
		t.Errorf("%d with a limit of 1", len(sent.Sent))
	}
	get("/_/sent?device=other", &sent)
	if len(sent.Sent) != 0 {
		t.Errorf("%d to another device", len(sent.Sent))
	}
	var drawer struct{ Slots []simulate.Slot }
	get("/_/drawer?device="+url.QueryEscape(token), &drawer)
	if len(drawer.Slots) != 1 || drawer.Slots[0].Replaced != 1 {
		t.Errorf("drawer: %+v", drawer)
	}
	var counts simulate.Counts
	get("/_/counts", &counts)
	if counts.Shown != 2 || counts.Answers["200"] != 2 {
		t.Errorf("counts: %+v", counts)
	}
}

func TestRunFCM(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	up := make(chan string, 1)
	go func() {
		ended <- simulate.RunFCM(ctx, "127.0.0.1:0", simulate.FCMOptions{}, func(_ *simulate.FCM, url string) error {
			up <- url
			return nil
		})
	}()
	resp, err := http.Get(<-up + "/_/counts")
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("%v %v", resp, err)
	}
	resp.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := simulate.RunFCM(t.Context(), "127.0.0.1:none", simulate.FCMOptions{}, nil); err == nil {
		t.Error("a wrong address was taken")
	}
}
