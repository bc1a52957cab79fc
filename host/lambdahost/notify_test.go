package lambdahost_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/push"
)

func (f *functions) owe(t *testing.T, orders int) {
	t.Helper()
	r := &lambdahost.Record{Step: f.step}
	for i := range orders {
		if _, err := r.Invoke(t.Context(), execution(t, message(t, event(i+1, order(i+1))), 1, false, nil)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNotifyRingsForAllThatIsDue(t *testing.T) {
	f := newFunctions(t)
	f.owe(t, 3)
	n := &lambdahost.Notify{PushStep: f.push}
	in := encode(t, answer{Event: event(1, "").ID.String(), Outcome: "recorded"})
	for _, want := range []string{`{"sent":3,"failed":0,"left":0}`, `{"sent":0,"failed":0,"left":0}`} {
		if out, err := n.Invoke(t.Context(), in); err != nil || string(out) != want {
			t.Errorf("%s, %v; want %s", out, err, want)
		}
	}
}

func TestNotifyCountsWhatCameOfIt(t *testing.T) {
	f := newFunctions(t)
	f.owe(t, 1)
	f.phones.send = func(context.Context) error { return &push.Error{Reason: push.ReasonUnavailable} }
	in := encode(t, answer{Event: event(1, "").ID.String()})
	n := &lambdahost.Notify{PushStep: f.push}
	if out, err := n.Invoke(t.Context(), in); err != nil || string(out) != `{"sent":0,"failed":0,"left":1}` {
		t.Errorf("%s, %v", out, err)
	}
	f = newFunctions(t)
	f.owe(t, 1)
	f.phones.send = func(context.Context) error { return &push.Error{Reason: push.ReasonRefused} }
	n.PushStep = f.push
	if out, err := n.Invoke(t.Context(), in); err != nil || string(out) != `{"sent":0,"failed":1,"left":0}` {
		t.Errorf("%s, %v", out, err)
	}
}

func TestNotifyFailsOnlyWithoutTheStore(t *testing.T) {
	f := newFunctions(t)
	f.store.push = errors.New("away")
	n := &lambdahost.Notify{PushStep: f.push}
	if out, err := n.Invoke(t.Context(), encode(t, answer{Event: event(1, "").ID.String()})); kind(
		err) != lambdahost.TypeUnavailable {
		t.Errorf("%s, %v", out, err)
	}
	for _, payload := range []string{`{}`, `{"event":"x"}`, `[]`, `{"Records":[]}`} {
		if _, err := n.Invoke(t.Context(), []byte(payload)); kind(err) != lambdahost.TypeNotOurs {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

func TestSweepRingsAndDropsOldBodies(t *testing.T) {
	f := newFunctions(t)
	f.owe(t, 2)
	later := func() time.Time { return time.Now().Add(2 * time.Hour) }
	f.push.Now = later
	s := &lambdahost.Sweep{PushStep: f.push, KeepBodies: time.Hour}
	out, err := s.Invoke(t.Context(), []byte(`{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`))
	if err != nil || string(out) != `{"sent":2,"failed":0,"left":0,"dropped":2}` {
		t.Errorf("%s, %v", out, err)
	}
	for _, payload := range [][]byte{[]byte(`[]`), batch(t, sqsRecord("a", message(t, event(1, order(1))), 1, ""))} {
		if _, err := s.Invoke(t.Context(), payload); kind(err) != lambdahost.TypeNotOurs {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

func TestMigrateAddsShops(t *testing.T) {
	f := newFunctions(t)
	analyzed := 0
	m := &lambdahost.Migrate{Run: func(context.Context) (int, error) { return 3, nil }, Database: f.step.Database,
		Analyze: func(context.Context) error { analyzed++; return nil }, Log: f.step.Log, Now: time.Now}
	out, err := m.Invoke(t.Context(), []byte(`{"shops":["New.myshopify.com","`+shop+`"]}`))
	if err != nil || string(out) != `{"migrations":3,"secrets_changed":[],"shops_added":["new.myshopify.com"]}` {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := m.Invoke(t.Context(), []byte(`{"analyze":true}`)); err != nil || analyzed != 1 {
		t.Errorf("analyzed %d times, %v", analyzed, err)
	}
	if _, err := m.Invoke(t.Context(), []byte(`{"shops":["example.org"]}`)); kind(err) != lambdahost.TypeNotOurs {
		t.Errorf("a shop that is none: %v", err)
	}
	m.Run = func(context.Context) (int, error) { return 0, bellhop.Errorf(bellhop.Unavailable, "away", "away") }
	if _, err := m.Invoke(t.Context(), []byte(`{}`)); kind(err) != lambdahost.TypeUnavailable {
		t.Errorf("%v", err)
	}
}

// TestMigrateGivesShopsSecretsOfTheirOwn: the database has them, and the function that takes webhooks in gets a copy.
func TestMigrateGivesShopsSecretsOfTheirOwn(t *testing.T) {
	f := newFunctions(t)
	var shared map[string]string
	m := &lambdahost.Migrate{Run: func(context.Context) (int, error) { return 0, nil }, Database: f.step.Database,
		Share: func(_ context.Context, secrets map[string]string) error { shared = secrets; return nil },
		Log:   f.step.Log, Now: time.Now}
	ask := func(payload, want string, secrets map[string]string) {
		t.Helper()
		out, err := m.Invoke(t.Context(), []byte(payload))
		if err != nil || string(out) != want || !maps.Equal(shared, secrets) {
			t.Errorf("%s, %v; shared %v", out, err, shared)
		}
	}
	ask(`{"shops":["new.myshopify.com"],"shop_secrets":{"New.myshopify.com":"one","`+shop+`":"two, three"}}`,
		`{"migrations":0,"secrets_changed":["`+shop+`"],"shops_added":["new.myshopify.com"]}`,
		map[string]string{"new.myshopify.com": "one", shop: "two,three"})
	ask(`{"shop_secrets":{"`+shop+`":"two,three"}}`, `{"migrations":0,"secrets_changed":[],"shops_added":[]}`,
		map[string]string{"new.myshopify.com": "one", shop: "two,three"})
	if err := f.store.UpdateShop(t.Context(), shop, func(s *bellhop.Shop) { s.PreviousSecret = "" }); err != nil {
		t.Fatal(err)
	}
	ask(`{}`, `{"migrations":0,"secrets_changed":[],"shops_added":[]}`,
		map[string]string{"new.myshopify.com": "one", shop: "two"})
	for _, secrets := range []string{`{"example.org":"hush"}`, `{"hush":"a.myshopify.com"}`, `{"a.myshopify.com":""}`,
		`{"a.myshopify.com":"hush,"}`, `{"a.myshopify.com":"hush,hush,hush"}`, `["hush"]`} {
		_, err := m.Invoke(t.Context(), []byte(`{"shop_secrets":`+secrets+`}`))
		if kind(err) != lambdahost.TypeNotOurs || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", secrets, err)
		}
	}
}
