package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// whole compares a result with what was stored, and fails if the latter leaves a field
// zero. The named fields are zero here; another case checks them.
func (f *fixture) whole(what string, got, want any, zero ...string) {
	f.Helper()
	f.equal(what, got, want)
	for _, name := range unset(reflect.ValueOf(want), "") {
		if !slices.Contains(zero, name) {
			f.Errorf("%s: nothing holds the field %s against what was stored", what, name)
		}
	}
}

// unset names the fields that are zero.
func unset(v reflect.Value, path string) (names []string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Struct:
		if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
			return []string{path}
		}
	}
	switch {
	case v.Kind() == reflect.Pointer:
		return unset(v.Elem(), path)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			names = append(names, unset(v.Index(i), path)...)
		}
		return names
	case v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]():
		if v.IsZero() {
			names = append(names, path)
		}
		return names
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if path != "" {
			name = path + "." + name
		}
		names = append(names, unset(v.Field(i), name)...)
	}
	return names
}

// fullShop adds a shop, an owner with every setting, and their phone.
func (f *fixture) fullShop() (bellhop.Shop, bellhop.Person, bellhop.Device) {
	f.Helper()
	s := bellhop.Shop{Domain: shop, Secret: "s1", PreviousSecret: "s0", OwnSecretOnly: true, CustomerInPush: true,
		AddedAt: at(1), LastEventAt: at(500), LastSignedBy: bellhop.SignerShop, Name: "Demo", Currency: "KRW",
		Timezone: "Asia/Seoul", Plan: "Basic", Email: "shop@example.com", InfoAt: at(2)}
	f.must(f.s.AddShop(f.ctx, s))
	p := f.addOwner("jo@example.com", shop)
	s.Rota = &bellhop.Rota{People: []int64{p.ID}, After: 7, From: "30"}
	f.must(f.s.UpdateShop(f.ctx, shop, func(to *bellhop.Shop) { to.Rota = s.Rota }))
	p.Settings = bellhop.Settings{Language: "ko", Timezone: "UTC", NotNew: true, Paid: true, Cancelled: true,
		Refunded: true,
		AtLeast:  "5", QuietFrom: "08:00", QuietTo: "10:00", GatherAbove: 9, LoudFrom: "9000"}
	f.must(f.setSettings(p.ID, p.Settings))
	d := f.addDevice(shop, "phone", bellhop.FormData)
	d.PersonID, d.SessionID, d.Name = p.ID, 7, "Jo's phone"
	return s, p, must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f)
}

// everyAccountField compares the results of the accounts' ports with what was stored.
func everyAccountField(f *fixture) {
	s, p, d := f.fullShop()
	last := f.order(shop, 7, 1)
	last.Event.AcceptedAt, last.Event.SignedBy = s.LastEventAt, s.LastSignedBy
	f.record(last)
	f.whole("shops", must(f.s.Shops(f.ctx))(f), []bellhop.Shop{s}, "Disabled", "UninstalledAt") // see shops

	f.whole("people", must(f.s.People(f.ctx, shop))(f), []bellhop.Person{p}, "Unproven") // see invitations
	f.whole("everybody", must(f.s.People(f.ctx, ""))(f), []bellhop.Person{p}, "Unproven")
	f.whole("by address", must(f.s.PersonByEmail(f.ctx, p.Email))(f), p, "Unproven")
	session := bellhop.Session{TokenHash: [32]byte{1}, PersonID: p.ID, CreatedAt: day, ExpiresAt: at(60), UsedAt: at(3),
		Agent: "Firefox, Windows", Refresh: bellhop.Refresh{Family: [32]byte{5}, Hash: [32]byte{6}, ExpiresAt: at(600)}}
	f.must(f.s.AddSession(f.ctx, session, "192.0.2.1"))
	got, whose, err := f.s.Session(f.ctx, session.TokenHash, at(5))
	f.must(err)
	f.whole("session", got, session, "Refresh.Spent", "Refresh.Salt") // see refreshing
	listed := must(f.s.Sessions(f.ctx, p.ID, at(5)))(f)
	f.whole("sessions", listed, []bellhop.Session{session}, "Refresh.Spent", "Refresh.Salt")
	f.whole("whose", whose, p, "Unproven")
	f.must(f.s.AddLink(f.ctx, bellhop.SignInLink{Hash: [32]byte{2}, PersonID: p.ID, ExpiresAt: at(60)}))
	f.whole("whose link", must(f.s.UseLink(f.ctx, [32]byte{2}, at(5)))(f), p, "Unproven")

	token := must(f.s.AddToken(f.ctx, bellhop.Token{Shop: shop, Name: "ci", Hash: [32]byte{3}, CreatedAt: day}))(f)
	token.LastUsedAt = at(60)
	f.whole("token", must(f.s.Token(f.ctx, token.Hash, at(60)))(f), token, "Operator") // see operatorTokens
	f.whole("tokens", must(f.s.Tokens(f.ctx, shop))(f), []bellhop.Token{token}, "Operator")

	access := bellhop.Access{Shop: shop, At: at(1), By: p.Email, What: bellhop.AccessBody, About: "one", N: 7}
	f.must(f.s.AddAccess(f.ctx, access))
	accesses := must(f.s.Accesses(f.ctx, store.AccessQuery{About: "one"}))(f).Accesses
	access.ID = accesses[0].ID
	f.whole("accesses", accesses, []bellhop.Access{access})

	session.TokenHash, session.Refresh = [32]byte{}, bellhop.Refresh{ExpiresAt: session.Refresh.ExpiresAt}
	until := []time.Time{at(60), at(70)}
	for i, t := range until {
		f.must(f.s.AddLink(f.ctx, bellhop.SignInLink{Hash: [32]byte{byte(2 + i)}, PersonID: p.ID, ExpiresAt: t}))
	}
	made := bellhop.Invitation{Hash: [32]byte{4}, Shop: shop, Email: "kim@example.com", Role: bellhop.RoleStaff,
		InvitedBy: p.Email, CreatedAt: day, ExpiresAt: at(60)}
	f.must(f.s.Invite(f.ctx, made))
	made.Hash = [32]byte{}
	f.whole("all of somebody", must(f.s.PersonData(f.ctx, p.ID))(f), store.PersonData{Person: p,
		Sessions: []bellhop.Session{session}, Links: until, Networks: []store.Network{{Network: "192.0.2.1", SeenAt: day}},
		Devices: []bellhop.Device{d}, Invitations: []bellhop.Invitation{made}, Accesses: []bellhop.Access{access}},
		"Person.Unproven", "Sessions.TokenHash", "Sessions.Refresh.Family", "Sessions.Refresh.Hash",
		"Sessions.Refresh.Spent", "Sessions.Refresh.Salt", "Invitations.Hash", "Devices.RetiredAt", "Devices.RetiredFor")
	f.kind(bellhop.NotFound, errOf(f.s.PersonData(f.ctx, p.ID+99)))

	gone := &store.Retirement{DeviceID: d.ID, Value: d.Value, Reason: "unregistered"}
	f.record(f.order(shop, 8, 1))
	f.settle(store.Settled{Pushes: f.pushIDs(), Status: bellhop.PushFailed, Reason: "unregistered", At: at(101),
		Retire: gone})
	d.RetiredAt, d.RetiredFor = at(101), "unregistered"
	f.whole("devices", must(f.s.Devices(f.ctx, shop))(f), []bellhop.Device{d})
}

// pushIDs returns the ids of all pushes of the shop.
func (f *fixture) pushIDs() (ids []int64) {
	f.Helper()
	for _, p := range f.allPushes(shop, store.PushQuery{}) {
		ids = append(ids, p.ID)
	}
	return ids
}

// filled sets every field of a value, each to another value; times are all at(4).
func filled[T any]() (v T) {
	n := 0
	fillValue(reflect.ValueOf(&v).Elem(), &n)
	return v
}

func fillValue(v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(at(4)))
	case v.Type() == reflect.TypeFor[bellhop.Amount]():
		v.SetString(fmt.Sprintf("%d.50", *n))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem(), n)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillValue(v.Index(0), n)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fillValue(v.Field(i), n)
		}
	case v.CanInt():
		v.SetInt(int64(*n))
	default:
		v.SetUint(uint64(*n))
	}
}

// everyOrderField compares an order, its events and its changes with what was stored.
func everyOrderField(f *fixture) {
	d := f.addShopWithPhone(bellhop.FormData)
	fact, newer := f.order(shop, 7, 1), f.order(shop, 7, 2)
	fact.Event.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	fact.Event.Topic, fact.Event.SignedBy = bellhop.TopicReconcile, bellhop.SignerAPI
	o, presentment := newer.Order, money("8.00", "EUR")
	o.Presentment, o.Note, o.Test, o.CancelledAt = &presentment, "a note", true, at(5)
	o.Details, o.History = filled[bellhop.Details](), filled[bellhop.History]()
	o.Current, o.Pieces = money("7.50", "USD"), 2
	o.CreatedAt = at(3)
	f.whole("result", f.record(fact), []bellhop.Result{{Outcome: bellhop.OutcomeRecorded, Pushes: 1}}, "Reason",
		"Uninstalls") // see told.go
	edit, refund := f.edit(shop, 7, 1, 50), f.refund(shop, 7, 2, 51)
	refund.History.Refunds[0].Currency = "EUR"
	f.record(newer, edit, refund)
	must(f.s.SetHandling(f.ctx, shop, 7, "", bellhop.HandlingSeen, at(52), nil))(f)
	ids := f.pushIDs()
	f.claim(at(60), 1)
	f.settle(store.Settled{Pushes: ids[:1], Status: bellhop.PushSent, Reason: "gathered", At: at(61)})
	f.must(f.s.PushReceipt(f.ctx, shop, ids[0], false, at(62)))
	f.must(f.s.PushReceipt(f.ctx, shop, ids[0], true, at(63)))

	want := *o
	want.Handling, want.EditedAt, want.RefundedAt = bellhop.HandlingSeen, at(50), at(51)
	want.History, _ = want.History.Merge(bellhop.History{Edits: edit.History.Edits, Refunds: refund.History.Refunds})
	want.Trace = bellhop.Trace{TriggeredAt: fact.Event.TriggeredAt, AcceptedAt: fact.Event.AcceptedAt, RecordedAt: fact.At,
		PushedAt: at(61), TraceParent: fact.Event.TraceParent, Found: "reconcile"}
	want.Pushes = []bellhop.Push{{ID: ids[0], Shop: shop, OrderID: 7, OrderName: o.Name, DeviceID: d.ID,
		Installation: d.Installation,
		Kind:         bellhop.PushOrderNew, Status: bellhop.PushSent, Attempts: 1, Reason: "gathered",
		AcceptedAt: fact.Event.AcceptedAt, CreatedAt: fact.At, SentAt: at(61), ReceivedAt: at(62), OpenedAt: at(63)}}
	f.whole("order", f.getOrder(7), want, "Pushes.NextAt", "RedactedAt", "RedactedFor", "Taken",
		"Steps") // see claimAndSettle, redacted, takes
	f.whole("pushes", must(f.s.Pushes(f.ctx, shop, store.PushQuery{}))(f), store.PushPage{Pushes: want.Pushes},
		"Pushes.NextAt", "Next")
	want.Details, want.History, want.Pushes = bellhop.Details{}, bellhop.History{}, nil
	f.whole("listed", must(f.s.Orders(f.ctx, shop, store.OrderQuery{}))(f), store.OrderPage{Orders: []bellhop.Order{want}},
		"Orders.Details", "Orders.History", "Orders.Pushes", "Orders.RedactedAt", "Orders.RedactedFor", "Orders.Taken",
		"Orders.Steps", "Next")

	f.whole("archived", must(f.s.Archived(f.ctx, shop, time.Time{}, bellhop.EventID{}, 1))(f)[0], untraced(fact.Event),
		"TraceParent")
	f.record(f.deletion(shop, 7))
	late := f.order(shop, 7, 3)
	f.record(late)
	line := store.Line{Event: *untraced(late.Event), Outcome: bellhop.OutcomeStale, Reason: store.ReasonOrderDeleted,
		OrderID: 7, At: late.At}
	line.Event.Body = nil
	f.whole("line", f.allLines(store.LineQuery{})[0], line, "Event.Body", "Event.TraceParent")

	changes := must(f.s.Changes(f.ctx, shop, 0, 100))(f)
	f.whole("change", changes[0], store.Change{Seq: changes[0].Seq, Kind: store.ChangeRecorded, Shop: shop, OrderID: 7,
		At:          fact.At,
		TraceParent: fact.Event.TraceParent}, "PushID")
	settled := slices.IndexFunc(changes, func(c store.Change) bool { return c.Kind == store.ChangeSettled })
	f.whole("change of a push", changes[settled], store.Change{Seq: changes[settled].Seq, Kind: store.ChangeSettled,
		Shop: shop, OrderID: 7,
		PushID: ids[0], At: at(61)}, "TraceParent")
	r := f.takeRelay("one", at(100))
	r.Cursor = changes[0].Seq
	f.must(f.s.MoveLease(f.ctx, r))
	f.whole("relays", must(f.s.Leases(f.ctx))(f), []store.Lease{r})
	f.whole("relay", f.takeRelay("two", at(101)), r)
}

// untraced is an event as the archive has it.
func untraced(e *bellhop.Event) *bellhop.Event {
	c := *e
	c.TraceParent = ""
	return &c
}

// everyOwedField compares the result of claims with what was stored: a retried digest of
// pushes that waited for the end of quiet hours, and a loud push.
func everyOwedField(f *fixture) {
	s, p, d := f.fullShop()
	p.Settings.NotNew = false // see whole: else nothing is owed for a new order
	f.must(f.setSettings(p.ID, p.Settings))
	var facts []bellhop.Fact
	want := store.Owed{Device: d, Shop: s, Settings: p.Settings, Kind: bellhop.PushOrderNew, Attempt: 2, Held: true}
	for i := range 2 {
		facts = append(facts, f.order(shop, int64(i+1), 1))
		facts[i].Event.SignedBy = s.LastSignedBy // the shop takes no other
		facts[i].Order.Test = true
		facts[i].Event.TraceParent = fmt.Sprintf("00-4bf92f3577b34da6a3ce929d0e0e4736-%016x-01", i+1)
		facts[i].Event.SignedBy = s.LastSignedBy // the shop takes nothing else
	}
	last := f.order(shop, 3, 1)
	last.Order.Total, last.Event.SignedBy, last.Event.AcceptedAt = money("9999.00", "USD"), s.LastSignedBy, s.LastEventAt
	f.record(append(facts, last)...)
	loud := f.claim(at(1000), 10)
	f.equal("loud ones", len(loud), 1)
	f.equal("loud", loud[0].Orders[0].Loud, true)
	f.sent(at(1000), loud[0])

	end := day.Add(time.Hour)
	first := f.claim(end, 10)[0]
	f.settle(store.Settled{Pushes: first.Pushes, Status: bellhop.PushPending, Reason: store.ReasonQuietHours, At: end,
		RetryAt: end.Add(time.Second)})
	for i, fact := range facts {
		want.Pushes = append(want.Pushes, first.Pushes[i])
		want.Orders = append(want.Orders, store.OrderBrief{ID: fact.OrderID, Name: fact.Order.Name, Total: fact.Order.Total,
			Current: fact.Order.Current, Pieces: 1, Test: true,
			CustomerName: fact.Order.CustomerName, TraceParent: fact.Event.TraceParent, AcceptedAt: fact.Event.AcceptedAt,
			FirstAttemptAt: end,
			Gathered:       true, Kind: bellhop.PushOrderNew, Held: true})
	}
	want.Gathered = &store.Gathering{Orders: 2, Total: money("20.02", "USD"), Since: end}
	want.Shop.Secret, want.Shop.PreviousSecret = "", ""
	f.whole("owed", f.claim(end.Add(time.Second), 10), []store.Owed{want}, "Shop.Secret", "Shop.PreviousSecret",
		"Shop.Disabled", "Shop.UninstalledAt", "Device.RetiredAt", "Device.RetiredFor", "Settings.NotNew",
		"Orders.Loud", "Orders.Refunded", "Gathered.Changes")
}
