package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/simulate"
)

// anOrder returns the state machine's input of record for a new order of the first
// shop.
func (s *stack) anOrder(id int, more string) map[string]any {
	s.t.Helper()
	placed := time.Now().UTC().Format(time.RFC3339) // an old order notifies nobody
	m, err := amazon.Encode(&bellhop.Event{ID: bellhop.EventID{1, byte(id), 15: 1}, Shop: s.shops[0],
		Topic:     "orders/create",
		WebhookID: fmt.Sprint("webhook-", id), AcceptedAt: time.Now().UTC().Truncate(time.Microsecond),
		SignedBy: bellhop.SignerApp,
		Body: fmt.Appendf(nil, `{`+simulate.Blank+`"id":%d,"name":"#%d","currency":"USD","total_price":"1.00","line_items":[],"created_at":%q,`+
			`"updated_at":%q%s}`, id, id, placed, placed, more)})
	if err != nil {
		s.t.Fatal(err)
	}
	return map[string]any{"message": map[string]any{"body": m.Body, "attributes": m.Attributes}, "attempt": 1,
		"acknowledged": false}
}

// TestRecordThenNotify calls both functions as the state machine does, and logs how long
// a cold start takes.
func TestRecordThenNotify(t *testing.T) {
	s := newStack(t, 1)
	cold := s.invoke("record", s.anOrder(1, ""))
	warm := s.invoke("record", s.anOrder(2, ""))
	var recorded map[string]any
	if err := json.Unmarshal(warm.Payload, &recorded); err != nil || recorded["outcome"] != "recorded" ||
		recorded["pushes"] != 1.0 || !cold.Cold || warm.Cold {
		t.Fatalf("%s, %v; cold %v, then %v", warm.Payload, err, cold.Cold, warm.Cold)
	}
	notified := s.invoke("notify", recorded)
	if string(notified.Payload) != `{"sent":2,"failed":0,"left":0}` {
		t.Errorf("%s", notified.Payload)
	}
	t.Logf("record: %v until it is ready and %v for the first order, %v for the next; notify: %v and %v",
		cold.Init.Round(time.Millisecond), cold.Took.Round(time.Millisecond), warm.Took.Round(time.Millisecond),
		notified.Init.Round(time.Millisecond), notified.Took.Round(time.Millisecond))
	poison := s.invoke("record", s.anOrder(3, "}"))
	if e := poison.Err(); e == nil || !strings.HasPrefix(e.Error(), "bellhop.Dead: ") {
		t.Errorf("poison: %v", e)
	}
	if e := s.invoke("record", map[string]any{"Records": []int{}}).Err(); e == nil ||
		!strings.HasPrefix(e.Error(), "bellhop.NotOurs: ") {
		t.Errorf("a batch: %v", e)
	}
	s.log.noSecrets(t, s.passwords()...)
}

// TestADeploymentChangesTheLogin migrates again after a day: a function that runs goes on with the login before,
// also on a new connection, and one that starts takes the new one. A day later the former is refused, and the
// function reads the secret again.
func TestADeploymentChangesTheLogin(t *testing.T) {
	s := newStack(t, 1)
	admin, err := pgx.Connect(t.Context(), s.where.DB)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	order := 0
	record := func(cold bool) {
		t.Helper()
		order++
		if r := s.invoke("record", s.anOrder(order, "")); r.Err() != nil || r.Cold != cold {
			t.Fatalf("order %d: %v, cold %v", order, r.Err(), r.Cold)
		}
	}
	hangUp := func() {
		t.Helper()
		if _, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE usename LIKE 'bellhop_app_%'`); err != nil {
			t.Fatal(err)
		}
	}
	logins := []string{}
	deploy := func() {
		t.Helper()
		s.vault.age("login", 25*time.Hour)
		s.call("migrate", map[string]any{})
		logins = append(logins, s.login("login").Username)
	}
	record(true)
	first := s.login("login")
	var may bool
	if err := admin.QueryRow(t.Context(), `SELECT has_schema_privilege($1, 'public', 'CREATE')`, first.Username).
		Scan(&may); err != nil || may {
		t.Errorf("%s may make tables: %v, %v", first.Username, may, err)
	}
	s.call("migrate", map[string]any{})
	if s.login("login") != first {
		t.Error("each deployment changes the login")
	}
	deploy()
	hangUp()
	record(false)
	deploy()
	hangUp()
	record(false)
	deploy()
	s.functions["record"].Kill()
	record(true)
	if !slices.Equal(logins, []string{"bellhop_app_b", "bellhop_app_a", "bellhop_app_b"}) {
		t.Errorf("after %s come %v", first.Username, logins)
	}
	s.log.noSecrets(t, append(s.passwords(), first.Password)...)
}

// buildNext returns the functions of the next version, whose one change is another migration.
func buildNext(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	store, err := filepath.Abs("../../store/pgstore/migrations/99999_next.sql")
	if err != nil {
		t.Fatal(err)
	}
	migration, overlay := filepath.Join(dir, "next.sql"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{store: migration}})
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{overlay: string(replace),
		migration: "-- +goose Up\nALTER TABLE orders ADD COLUMN of_the_next text;\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	next := filepath.Join(dir, "next")
	if err := build(t.Context(), next, "-overlay", overlay); err != nil {
		t.Fatal(err)
	}
	return next
}

// TestColdStartsOnANewerSchema is a deployment between its migration and its code, and a rollback.
func TestColdStartsOnANewerSchema(t *testing.T) {
	s := newStack(t, 1)
	next := s.server.Function("next migrate", []string{buildNext(t)}, s.env["migrate"]...)
	next.Timeout = time.Minute
	out, err := next.Invoke(t.Context(), []byte(`{}`))
	if err != nil || !strings.Contains(string(out.Payload), `"migrations":1,`) {
		t.Fatalf("%s, %v", out.Payload, err)
	}
	if r := s.invoke("record", s.anOrder(1, "")); r.Err() != nil || !r.Cold {
		t.Errorf("on a newer schema: %v, cold %v", r.Err(), r.Cold)
	}
	s.call("migrate", map[string]any{"shops": []string{"late.myshopify.com"}})

	for _, name := range []string{"record", "migrate"} {
		s.functions[name].Kill()
	}
	admin, err := pgx.Connect(t.Context(), s.where.DB)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	if _, err := admin.Exec(t.Context(), `UPDATE oldest_versions SET version = 99999`); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"record", "migrate"} {
		if e := s.invoke(name, s.anOrder(2, "")).Err(); e == nil || !strings.Contains(e.Error(), "newer than this bellhop") {
			t.Errorf("%s on one that is too new: %v", name, e)
		}
	}
}

// TestSweepSaysHowLateAPushIs leaves one owed, since FCM is away.
func TestSweepSaysHowLateAPushIs(t *testing.T) {
	s := newStack(t, 1)
	s.add("sweep", "BELLHOP_PUSH=fcm:?endpoint=http://127.0.0.1:1", "BELLHOP_STACK=the-stack")
	s.call("record", s.anOrder(1, ""))
	s.call("sweep", map[string]any{"source": "aws.events"})
	var metric map[string]any
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, `"_aws"`) && json.Unmarshal([]byte(line), &metric) != nil {
			t.Errorf("CloudWatch can't read %s", line)
		}
	}
	if late, _ := metric["OldestOwedPush"].(float64); late <= 0 || late > 60 || metric["Stack"] != "the-stack" {
		t.Errorf("%v", metric)
	}
}
