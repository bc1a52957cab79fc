package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bellhop/events/amqpevents"
	"bellhop/internal/rabbit"
	"bellhop/internal/realserver"
	"bellhop/simulate"
	"bellhop/store/sealed"
	"bellhop/wire"
)

// personal is a bellhop whose webhooks are full of canaries: words of customers' that are nowhere else.
type personal struct {
	*testing.T
	bellhop   *rig
	storage   wire.Storage
	at        string // its address
	fcm       *simulate.FCM
	collector *otelCollector
	events    <-chan []byte // that other services get; nil without RabbitMQ

	people   []*person // who will be forgotten
	stays    *person
	kin      *person // the first of people, in another shop
	samples  []sample
	said     bytes.Buffer
	ahead    time.Duration // of the clock of who carries out requests: the lease is taken for bellhop serve
	webhooks int
}

// personalWay is a database and a queue.
type personalWay struct {
	db, queue string
	short     bool // also without CANARY_RUNS
}

var personalWays = []personalWay{
	{"sqlite", "sqlite", true}, {"sqlite", "file", false}, {"sqlite", "sqs", false}, {"sqlite", "rabbitmq", true},
	{"sqlite", "postgres", false}, {"postgres", "postgres", true}, {"postgres", "file", false}, {"postgres", "sqs", true},
	{"postgres", "rabbitmq", false},
}

const (
	itsShop   = "demo.myshopify.com"
	otherShop = "other.myshopify.com"
	itsSecret = "hush of the app"
)

// TestNothingPersonalStays sends webhooks with a word in each personal field through every queue into every database,
// has customers forgotten who are named by id, e-mail address, phone or their orders, and looks for their words.
// Before, none may be in logs, metrics, traces, pushes, events and arguments. After it, none may be in the database's
// files and in a backup either, although webhooks go on and the work is ended again and again. At last both shops are
// erased, and nobody's words are left. make canaries runs it for each queue and database.
func TestNothingPersonalStays(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, way := range personalWays {
		t.Run(way.db+" and "+way.queue, func(t *testing.T) {
			if !way.short && os.Getenv("CANARY_RUNS") == "" {
				t.Skip("make canaries runs it")
			}
			t.Parallel()
			p := newPersonal(t, way)
			p.send()
			p.use()
			p.silent("before")
			p.give()
			p.forget()
			p.silent("after")
			p.bellhop.stop()
			p.look()
			p.erase()
		})
	}
}

func newPersonal(t *testing.T, way personalWay) *personal {
	p := &personal{T: t, samples: samples(t), ahead: time.Hour, collector: startCollector(t),
		at:      realserver.FreeAddress(t),
		storage: wire.Storage{Dir: t.TempDir(), DB: "sqlite:", Queue: "sqlite:", Key: sealed.MakeKey()}}
	if way.db == "postgres" {
		p.storage.DB = newPostgres(t)
	}
	p.storage.Queue = p.queueOf(way)
	p.fcm = simulate.NewFCM(simulate.FCMOptions{Unlimited: true})
	server := httptest.NewServer(p.fcm)
	t.Cleanup(func() { p.fcm.Close(); server.Close() })
	account := filepath.Join(t.TempDir(), "sa.json")
	p.must(p.fcm.WriteServiceAccount(account, server.URL))
	p.bellhop = &rig{t: t, env: []string{"BELLHOP_DIR=" + p.storage.Dir, "BELLHOP_DB=" + p.storage.DB,
		"BELLHOP_QUEUE=" + p.storage.Queue, "BELLHOP_KEY=" + p.storage.Key, "BELLHOP_SHOPIFY_SECRET=" + itsSecret,
		"BELLHOP_PUSH=fcm:" + account + "?endpoint=" + server.URL, "BELLHOP_LOG=json,debug",
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + p.collector.URL, "OTEL_BSP_SCHEDULE_DELAY=50", "GORACE=atexit_sleep_ms=0"}}
	if way.queue == "rabbitmq" {
		p.bellhop.env = append(p.bellhop.env, "BELLHOP_EVENTS="+p.storage.Queue)
		p.events = p.listen()
	}
	if way.queue == "sqs" {
		p.bellhop.run("queue", "create")
	}
	p.bellhop.run("migrate")
	p.bellhop.run("shop", "add", itsShop)
	p.bellhop.run("shop", "add", otherShop)
	p.bellhop.background(regexp.MustCompile(`"(ready)"`), "serve", "--addr", p.at)
	p.at = "http://" + p.at
	return p
}

func (p *personal) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// queueOf returns the address of an empty queue.
func (p *personal) queueOf(way personalWay) string {
	switch way.queue {
	case "file":
		return "sqlite:" + filepath.Join(p.storage.Dir, "queue.db")
	case "postgres":
		if way.db == "postgres" {
			return "postgres:"
		}
		return newPostgres(p.T)
	case "rabbitmq":
		server, err := theRabbitMQ()
		skipWithout(p.T, "rabbitmq", err)
		vhost, err := server.NewVHost(p.Context())
		p.must(err)
		return server.URL(vhost)
	case "sqs":
		server, err := theSQS()
		skipWithout(p.T, "sqs", err)
		return fmt.Sprintf("sqs+http://%s/000000000000/personal-%s?region=us-east-1",
			strings.TrimPrefix(server.Endpoint, "http://"), way.db)
	}
	return "sqlite:"
}

// listen is another service that gets the events.
func (p *personal) listen() <-chan []byte {
	target, _, err := rabbit.Parse(p.storage.Queue)
	p.must(err)
	conn, err := target.Dial(context.Background(), "canaries")
	p.must(err)
	p.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	p.must(err)
	const name = amqpevents.DefaultExchange
	p.must(ch.ExchangeDeclare(name, "topic", true, false, false, false, nil))
	q, err := ch.QueueDeclare("canaries", true, false, false, false, nil)
	p.must(err)
	p.must(ch.QueueBind(q.Name, "shop.#", name, false, nil))
	deliveries, err := ch.Consume(q.Name, "", true, false, false, false, nil)
	p.must(err)
	bodies := make(chan []byte, 100_000)
	go func() {
		for d := range deliveries {
			bodies <- d.Body
		}
		close(bodies)
	}()
	return bodies
}

// post delivers a webhook as Shopify does.
func (p *personal) post(shop, topic string, body []byte) {
	p.Helper()
	p.webhooks++
	d := simulate.NewDelivery(shop, topic, itsSecret, time.Now(), body)
	d.APIVersion = "2025-10" // in a newer one the old samples were cut-down bodies
	req, err := http.NewRequestWithContext(p.Context(), http.MethodPost, p.at+"/webhooks/shopify", bytes.NewReader(body))
	p.must(err)
	req.Header = d.Header()
	p.bellhop.do(req)
}

// call makes a request, whose answer may have what it likes.
func (p *personal) call(method, path, token, body string) string {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Context(), method, p.at+path, strings.NewReader(body))
	p.must(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	p.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	p.must(err)
	if resp.StatusCode >= 300 {
		p.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	return string(text)
}

// send sends all kinds of bodies of five people: four who will be forgotten, and one who stays. The first one's also
// come from another shop.
func (p *personal) send() {
	for _, named := range []string{"id", "email", "phone", "orders"} {
		p.people = append(p.people, newPerson(named))
	}
	p.stays = newPerson("id")
	kin := *p.people[0] // the same person in another shop is a stranger there
	p.kin, p.people[0].said = &kin, nil
	token := strings.TrimSpace(p.bellhop.run("token", "create", "--shop", itsShop, "--name", "ci"))
	p.call("PUT", "/v1/devices/phone-1", token, fmt.Sprintf(`{"kind":"token","value":%q,"platform":"android",`+
		`"form":"data","locale":"en","timezone":"UTC"}`, simulate.NewToken(rand.New(rand.NewPCG(1, 1)))))
	for n, s := range p.samples {
		who := []*person{p.people[n%4], p.people[(n+1)%4], p.stays}
		for _, one := range append(who, p.kin) {
			if len(one.orders) == 0 && strings.HasPrefix(s.topic, "orders/create") || len(one.orders) > 0 {
				p.post(p.shopOf(one), s.topic, one.body(s))
			}
		}
	}
	for _, one := range append(p.people, p.stays, p.kin) {
		p.post(p.shopOf(one), "orders/updated", one.cutOff())
	}
	p.drained(6)
	p.call("GET", "/v1/orders?q="+p.stays.said[4], token, "")
	p.call("GET", "/v1/orders?q="+url.QueryEscape(p.people[0].email), token, "")
}

func (p *personal) shopOf(one *person) string {
	if one == p.kin {
		return otherShop
	}
	return itsShop
}

// drained waits until nothing is left in the queue but dead letters; -1 is any number of them.
func (p *personal) drained(dead int) {
	p.Helper()
	want := `"waiting":0,"leased":0,`
	if dead >= 0 {
		want += fmt.Sprintf(`"dead":%d,`, dead)
	}
	last := ""
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if last = p.bellhop.run("queue", "depth", "--json"); strings.Contains(last, want) {
			return
		}
	}
	p.Fatalf("%s never comes: %s", want, last)
}

// use runs commands that have to do with the bodies, and notes what they say.
func (p *personal) use() {
	for _, args := range [][]string{{"doctor"}, {"ledger", "ls", "--json"}, {"dead", "ls", "--json"}, {"shop", "ls"},
		{"replay", "--shop", itsShop, "--since", "1h"}, {"push", "ls"}} {
		out, _ := p.bellhop.command(args...).CombinedOutput() // doctor warns of much here
		p.said.Write(out)
	}
}

// words are patterns to look for.
type words map[[width]byte]string

// width is that of a pattern. An index may share the first letters of a word with others.
const width = 11

func (w words) add(what string, all ...string) {
	for _, text := range all {
		if len(text) >= width {
			w[[width]byte([]byte(text[len(text)-width:]))] = what
		}
	}
}

// in finds the patterns that a text has.
func (w words) in(text []byte) map[[width]byte]bool {
	var begins [1 << 16]bool
	for pattern := range w {
		begins[int(pattern[0])<<8|int(pattern[1])] = true
	}
	found := map[[width]byte]bool{}
	for i := 0; i+width <= len(text); i++ {
		if !begins[int(text[i])<<8|int(text[i+1])] {
			continue
		}
		if key := [width]byte(text[i : i+width]); w[key] != "" {
			found[key] = true
		}
	}
	return found
}

// kinds says of what kinds patterns are.
func (w words) kinds(of map[[width]byte]bool) map[string]int {
	kinds := map[string]int{}
	for pattern := range of {
		kinds[w[pattern]]++
	}
	return kinds
}

// all are the words of everybody, or of those who are forgotten.
func (p *personal) all(onlyForgotten bool) words {
	w := words{}
	for _, one := range p.people {
		w.add("named by "+one.named, one.said...)
	}
	if !onlyForgotten {
		w.add("of who stays", append(p.stays.said, p.kin.said...)...)
	}
	return w
}

// silent looks for words where nobody's may be.
func (p *personal) silent(when string) {
	p.Helper()
	ps, err := exec.Command("ps", "-ww", "-eo", "args").Output()
	p.must(err)
	spans, _ := p.collector.everything()
	var pushes, others strings.Builder
	for _, s := range p.fcm.Sent() {
		fmt.Fprintf(&pushes, "%+v\n", s)
	}
	for range len(p.events) {
		others.Write(<-p.events)
	}
	w := p.all(false)
	for place, text := range map[string]string{"metrics": p.call("GET", "/metrics", "", ""),
		"ps": string(ps), "traces": string(spans), "pushes": pushes.String(), "events": others.String(),
		"what commands say": p.said.String()} {
		if found := w.in([]byte(text)); len(found) > 0 {
			p.Errorf("%s, %s has words: %v", when, place, w.kinds(found))
		}
		if len(text) < 1000 && (place != "events" || p.events != nil) {
			p.Errorf("%s, %s is %q: the test looks in vain", when, place, text)
		}
	}
	p.Logf("%s: %d words in %d webhooks, %d bytes of traces, %d of pushes, %d of events", when, len(w),
		p.webhooks, len(spans), pushes.Len(), others.Len())
}
