package fcmpush_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/push"
	"bellhop/push/fcmpush"
)

// taken sends m and returns what arrived.
func taken(t *testing.T, m push.Message) wireMessage {
	t.Helper()
	f := newFake(t)
	s := f.open(t, func(o *fcmpush.Options) { o.Now = clock })
	if _, err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got, _ := f.last(t)
	return got
}

func TestNotification(t *testing.T) {
	m := message()
	m.Data = map[string]string{"order": "1"}
	got := taken(t, m).Message
	if got.Token != m.Device.Value || got.Fid != "" {
		t.Errorf("address: token %q, fid %q", got.Token, got.Fid)
	}
	if got.Notification.Title != m.Title || got.Notification.Body != m.Body || fmt.Sprint(got.Data) != "map[order:1]" {
		t.Errorf("text: %+v, data %v", got.Notification, got.Data)
	}
	if a := got.Android; a.Priority != "HIGH" || a.TTL != "14400s" || a.Notification.Tag != "order-1" ||
		a.Notification.Visibility != "PRIVATE" {
		t.Errorf("android: %+v", a)
	}
	headers := map[string]string{
		"apns-collapse-id": "order-1", "apns-priority": "10", "apns-push-type": "alert",
		"apns-expiration": fmt.Sprint(now.Add(4 * time.Hour).Unix()),
	}
	if fmt.Sprint(got.APNS.Headers) != fmt.Sprint(headers) || fmt.Sprint(got.APNS.Payload.APS) != "map[sound:default]" {
		t.Errorf("apns: %+v", got.APNS)
	}
}

// TestLevels looks at what Android's channel and iOS's level are.
func TestLevels(t *testing.T) {
	for level, want := range map[push.Level]string{
		push.Normal: " 10 map[category:order.take sound:default]",
		push.Urgent: "bellhop_urgent 10 map[category:order.take interruption-level:time-sensitive sound:default]",
		push.Silent: "bellhop_silent 5 map[category:order.take interruption-level:passive]",
	} {
		m := message()
		m.Level, m.Category = level, "order.take"
		got := taken(t, m).Message
		if is := fmt.Sprint(got.Android.Notification.ChannelID, " ", got.APNS.Headers["apns-priority"], " ",
			got.APNS.Payload.APS); is != want {
			t.Errorf("%q: %s, want %s", level, is, want)
		}
		m.Device.Form, m.Device.Platform = bellhop.FormData, bellhop.PlatformIOS
		ios := taken(t, m).Message.APNS
		_, sounds := ios.Payload.APS["sound"]
		if sounds == (level == push.Silent) || ios.Payload.APS["alert"] == nil || ios.Payload.APS["category"] != m.Category {
			t.Errorf("%q of an app that shows it itself: %v", level, ios.Payload.APS)
		}
	}
}

func TestData(t *testing.T) {
	m := message()
	m.Device.Kind, m.Device.Form = bellhop.AddressFID, bellhop.FormData
	m.Data = map[string]string{"order": "1", "title": "of the caller"}
	m.TTL = time.Minute
	got := taken(t, m).Message
	if got.Fid != m.Device.Value || got.Token != "" {
		t.Errorf("address: token %q, fid %q", got.Token, got.Fid)
	}
	if got.Notification.Title != "" || got.Android.Notification != nil {
		t.Error("a data message has a notification")
	}
	if fmt.Sprint(got.Data) != "map[body:USD 403.00 order:1 tag:order-1 title:New order #1001]" {
		t.Errorf("data: %v", got.Data)
	}
	if got.Android.Priority != "HIGH" || got.Android.TTL != "60s" {
		t.Errorf("android: %+v", got.Android)
	}
	m.Device.Platform = bellhop.PlatformIOS
	got = taken(t, m).Message
	h := got.APNS.Headers
	if h["apns-push-type"] != "alert" || h["apns-priority"] != "10" || h["apns-collapse-id"] != "order-1" ||
		fmt.Sprint(got.APNS.Payload.APS) != "map[alert:map[body:USD 403.00 title:New order #1001] mutable-content:1 "+
			"sound:default]" {
		t.Errorf("apns: %+v", got.APNS)
	}
	if got.Notification.Title != "" ||
		fmt.Sprint(got.Data) != "map[body:USD 403.00 order:1 tag:order-1 title:New order #1001]" {
		t.Errorf("on iOS: notification %+v, data %v", got.Notification, got.Data)
	}
}

func TestBrowser(t *testing.T) {
	m := message()
	m.Device.Platform = bellhop.PlatformWeb
	got := taken(t, m).Message.Webpush
	if got.Headers["TTL"] != "14400" || got.Headers["Urgency"] != "high" || got.Notification["tag"] != "order-1" {
		t.Errorf("webpush: %+v", got)
	}
}

func TestLifetime(t *testing.T) {
	for ttl, want := range map[time.Duration][2]string{
		0:                             {"14400s", fmt.Sprint(now.Unix() + 14400)},
		time.Millisecond:              {"1s", fmt.Sprint(now.Unix() + 1)},
		90 * time.Second:              {"90s", fmt.Sprint(now.Unix() + 90)},
		-time.Second:                  {"0s", "0"},
		365 * 24 * time.Hour:          {"2419200s", fmt.Sprint(now.Unix() + 2419200)},
		1<<63 - 1:                     {"2419200s", fmt.Sprint(now.Unix() + 2419200)},
		-1 << 63:                      {"0s", "0"},
		28*24*time.Hour + 1:           {"2419200s", fmt.Sprint(now.Unix() + 2419200)},
		time.Hour + 1*time.Nanosecond: {"3601s", fmt.Sprint(now.Unix() + 3601)},
	} {
		m := message()
		m.TTL = ttl
		got := taken(t, m).Message
		if got.Android.TTL != want[0] || got.APNS.Headers["apns-expiration"] != want[1] {
			t.Errorf("%v became %s and %s, want %v", ttl, got.Android.TTL, got.APNS.Headers["apns-expiration"], want)
		}
	}
}

func TestTag(t *testing.T) {
	for tag, fits := range map[string]bool{
		"order-1":               true,
		strings.Repeat("x", 64): true,
		strings.Repeat("x", 65): false,
		"注文":                    false,
		"a b":                   false,
		"a\r\nb":                false,
	} {
		m := message()
		m.Tag = tag
		got := taken(t, m).Message
		id := got.APNS.Headers["apns-collapse-id"]
		if id != got.Android.Notification.Tag || (id == tag) != fits || len(id) > 64 {
			t.Errorf("tag %q became %q on Android and %q on iOS", tag, got.Android.Notification.Tag, id)
		}
	}
	m := message()
	m.Tag = ""
	if _, there := taken(t, m).Message.APNS.Headers["apns-collapse-id"]; there {
		t.Error("no tag became an empty collapse id")
	}
}

// payload is the part of a request that counts: the message as JSON, without the address.
func payload(t testing.TB, raw []byte) int {
	var r struct{ Message map[string]json.RawMessage }
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	delete(r.Message, "token")
	n := len("{}")
	for k, v := range r.Message {
		n += len(k) + len(`"":,`) + len(v)
	}
	return n
}

func TestEverythingTooLong(t *testing.T) {
	f := newFake(t)
	s := f.open(t)
	many := map[string]string{}
	for i := range 2_000 {
		many[fmt.Sprintf("key-%d", i)] = "value"
	}
	for name, data := range map[string]map[string]string{
		"one long value": {"order": "1", "note": strings.Repeat("注", 5_000)},
		"one long key":   {"order": "1", strings.Repeat("k", 5_000): "x"},
		"many entries":   many,
	} {
		for _, form := range []bellhop.Form{bellhop.FormNotification, bellhop.FormData} {
			m := message()
			m.Device.Form, m.Device.Platform = form, bellhop.PlatformWeb
			m.Data, m.Body = data, m.Body+strings.Repeat(" and more", 1_000)
			if _, err := s.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			got, raw := f.last(t)
			if n := payload(t, raw); n > 4_000 {
				t.Errorf("%s, %s: %d bytes", name, form, n)
			}
			body := got.Message.Notification.Body + got.Message.Data[fcmpush.KeyBody]
			if !strings.HasPrefix(body, "USD 403.00 and more") {
				t.Errorf("%s, %s: the body is %q", name, form, body)
			}
			if data["order"] != "" && got.Message.Data["order"] != "1" {
				t.Errorf("%s, %s: a short value was lost", name, form)
			}
		}
	}
}

// Short messages stay whole, and the driver shortens the texts before the data.
func TestBodyGivesWayFirst(t *testing.T) {
	m := message()
	m.Title = strings.Repeat("t", 300)
	m.Body = strings.Repeat("b", 10_000)
	m.Data = map[string]string{"long": strings.Repeat("d", 1_500)}
	got := taken(t, m).Message
	if got.Notification.Title != m.Title || got.Data["long"] != m.Data["long"] {
		t.Error("title or data were shortened where the body was enough")
	}
	if n := len(got.Notification.Body); n < 1_000 || n > 2_000 {
		t.Errorf("the body has %d bytes left", n)
	}
}

func Example() {
	google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			fmt.Fprint(w, `{"access_token":"ya29.x","expires_in":3600}`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"code":404,"status":"NOT_FOUND","details":[
			{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"}]}}`)
	}))
	defer google.Close()
	file, _ := os.CreateTemp("", "*.json")
	defer os.Remove(file.Name())
	file.Write(credentials(google.URL + "/token"))
	file.Close()

	ctx := context.Background()
	s, err := fcmpush.New(ctx, fcmpush.Options{CredentialsFile: file.Name(), Endpoint: google.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	_, err = s.Send(ctx, push.Message{
		Device: bellhop.Device{Kind: bellhop.AddressToken, Value: "c7Qx:APA91b…", Form: bellhop.FormNotification},
		Tag:    "order-820982911946154508",
		Title:  "New order #1001",
		Body:   "USD 403.00, 3 items",
	})
	e := push.AsError(err)
	fmt.Println(e.Reason, e.Reason.Retire()) // FCM has taken no message with this key
	// Output: unproven false
}

// BenchmarkSend measures the server's work too.
func BenchmarkSend(b *testing.B) {
	f := newFake(b)
	f.set(func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Write([]byte(`{"name":"projects/demo-project/messages/0:1700000000000000"}`))
	})
	s := f.open(b)
	m := message()
	m.Data = map[string]string{"order": "820982911946154508", "shop": "demo.myshopify.com"}
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.Send(b.Context(), m); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
