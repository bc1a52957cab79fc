// Package storetest is the conformance suite of [bellhop/store]: the promises of the port's
// comments, as tests that every driver passes unchanged.
package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
)

// Driver is a driver under test. It closes at the end of the test what it opened.
type Driver struct {
	// Open makes an empty store.
	Open func(t testing.TB) store.Store
	// Reopen closes a store and opens it again, as after a restart.
	Reopen func(t testing.TB, s store.Store) store.Store
	// Another opens a store a second time, as another process would.
	Another func(t testing.TB, s store.Store) store.Store
}

// Run runs the suite.
func Run(t *testing.T, d Driver) {
	for _, c := range []struct {
		name string
		test func(*fixture)
	}{
		{"EveryShuffleConverges", everyShuffleConverges},
		{"RedeliveryKeepsTheLine", redeliveryKeepsTheLine},
		{"OneBatchSeesItself", oneBatchSeesItself},
		{"KeepsTheFirstTrace", keepsTheFirstTrace},
		{"OutcomesAreCounted", outcomesAreCounted},
		{"UnknownShop", unknownShop},
		{"DisabledShop", disabledShop},
		{"OwnSecretOnly", ownSecretOnly},
		{"Skip", skipped},
		{"StepBeforeItsOrder", stepBeforeItsOrder}, {"Refill", refill}, {"Parcels", parcels},
		{"Tombstone", tombstone},
		{"SameBodyTriggeredLater", sameBodyTriggeredLater},
		{"BadFacts", badFacts},
		{"RoundTrip", roundTrip},
		{"UpdatesReplaceItems", updatesReplaceItems},
		{"Handling", handling}, {"Takes", takes}, {"Rings", rings}, {"RingsSkip", ringsSkip},
		{"RingsAtOnce", ringsAtOnce}, {"Unhandled", unhandled},
		{"OrderPages", orderPages},
		{"OrderFilters", orderFilters},
		{"TagFilter", tagFilter},
		{"Search", search},
		{"BadQueries", badQueries},
		{"PushesOncePerDevice", pushesOncePerDevice},
		{"NoDevice", noDevice},
		{"OldOrdersOweNothing", oldOrdersOweNothing},
		{"ClaimAndSettle", claimAndSettle},
		{"ClaimsDoNotOverlap", claimsDoNotOverlap},
		{"LeaseRunsOut", leaseRunsOut},
		{"OldestOwed", oldestOwed},
		{"Retry", retry},
		{"BadSettlements", badSettlements},
		{"Ration", ration}, {"HandledUnless", handledUnless},
		{"DigestRetried", digestRetried},
		{"DigestTakesAll", digestTakesAll},
		{"FanOut", fanOut},
		{"FanOutsOfDeletedOrders", fanOutsOfDeletedOrders},
		{"FanOutAsked", fanOutAsked},
		{"ClaimsAreShared", claimsAreShared},
		{"ClockWasAhead", clockWasAhead},
		{"ToldOf", toldOf},
		{"NotTold", notTold},
		{"QuietHours", quietHours},
		{"SettingsHoldAtOnce", settingsHoldAtOnce},
		{"GathersAboveTheOwnersRate", gathersAboveTheOwnersRate},
		{"Retirement", retirement},
		{"RefreshedAddressStays", refreshedAddressStays},
		{"DeletedOrdersAreNotPushed", deletedOrdersAreNotPushed},
		{"Receipts", receipts},
		{"PushLog", pushLog},
		{"PushesOwed", pushesOwed},
		{"Dead", dead},
		{"DeadUnchecked", deadUnchecked},
		{"DropDead", dropDead},
		{"Lines", lines},
		{"LinesByOrderName", linesByOrderName},
		{"ArchiveAndPrune", archiveAndPrune},
		{"ArchivedBytes", archivedBytes},
		{"NoBody", noBody},
		{"ShopInfo", shopInfo}, {"ConnectionNews", connectionNews}, {"UninstalledAlone", uninstalledAlone},
		{"Busiest", busiest},
		{"Shops", shops},
		{"People", people},
		{"Memberships", memberships},
		{"LastOwner", lastOwner}, {"Roles", roles}, {"InvitationsEndWithTheRight", invitationsEndWithTheRight},
		{"TwoOwnersLeaveAtOnce", twoOwnersLeaveAtOnce}, {"OwnAccounts", ownAccounts},
		{"BoundsOfMemberships", boundsOfMemberships},
		{"Invitations", invitations},
		{"AcceptedOnce", acceptedOnce},
		{"UnprovenAccounts", unprovenAccounts},
		{"ReclaimedAccounts", reclaimedAccounts},
		{"Sessions", sessions},
		{"SessionsThatRefresh", refreshing},
		{"EndingSessions", endingSessions},
		{"RefreshingAtOnce", refreshingAtOnce},
		{"Links", links}, {"MailedLinks", mailedLinks}, {"CodesTriedAtOnce", codesTriedAtOnce},
		{"BoundsOfAPerson", bounds},
		{"BoundsOfAShop", boundsOfAShop},
		{"Lengths", lengths},
		{"Settings", settings},
		{"AccessLog", accessLog}, {"AccessesAreCounted", accessesAreCounted}, {"OldAccesses", oldAccesses},
		{"Answers", answers}, {"AnswersOfTheDead", answersOfTheDead}, {"AnswersAtOnce", answersAtOnce},
		{"AnswersAreBounded", answersAreBounded}, {"AnswersGo", answersGo},
		{"Refusals", refusals}, {"Backups", backups}, {"Marks", marksOf},
		{"Tokens", tokens},
		{"OperatorTokens", operatorTokens},
		{"Devices", devices},
		{"AddressMoves", addressMoves},
		{"PhoneOfSeveralShops", phoneOfSeveralShops},
		{"PhonesFollowMemberships", phonesFollowMemberships},
		{"PhoneHasOneBudget", phoneHasOneBudget},
		{"PhonesCountOnce", phonesCountOnce},
		{"DeviceLimits", deviceLimits}, {"DeviceNames", deviceNames},
		{"TestPushes", testPushes},
		{"RemovedWhileTested", removedWhileTested},
		{"Tenants", tenants},
		{"Changes", changes},
		{"HeldBack", heldBack},
		{"Renumber", renumbered},
		{"Resent", resent},
		{"EveryAccountField", everyAccountField},
		{"EveryOrderField", everyOrderField},
		{"EveryOwedField", everyOwedField},
		{"Connections", connections},
		{"ConnectionsInTurn", connectionsInTurn},
		{"Reconciliations", reconciliations}, {"ReconciliationsInTurn", reconciliationsInTurn},
		{"HeadsOfOrders", headsOfOrders}, {"HeadsOfATime", headsOfATime}, {"WholeOrders", wholeOrders},
		{"FetchedIsNotHeard", fetchedIsNotHeard}, {"FetchedRings", fetchedRings},
		{"FetchedBringsNothingBack", fetchedBringsNothingBack}, {"HiddenStays", hiddenStays}, {"LeftOutStays", leftOutStays},
		{"Disconnected", disconnected}, {"DisconnectedWithinBudget", disconnectedWithinBudget},
		{"Uninstalled", uninstalled},
		{"UninstalledInPortions", uninstalledInPortions}, {"UninstalledOfSeveralShops", uninstalledOfSeveralShops},
		{"KeyChecks", keyChecks},
		{"Requests", requests}, {"RequestPages", requestPages}, {"PrivacyExports", privacyExports},
		{"Redacted", redacted}, {"RedactedForGood", redactedForGood}, {"RedactedForRetention", redactedForRetention},
		{"Forgotten", forgotten}, {"AsksAgain", asksAgain}, {"RequestsOfAnyShop", requestsOfAnyShop},
		{"ErasedShop", erasedShop}, {"PersonalOrders", personalOrders}, {"PersonalBytes", personalBytes},
		{"DropBodies", dropBodies}, {"RedactedIsNotRefilled", redactedIsNotRefilled},
		{"LastEvents", lastEvents},
		{"Silences", silences},
		{"LeaseFollowsNoStream", leaseFollowsNoStream},
		{"RelayIsHeldByOne", relayIsHeldByOne},
		{"RelayBeginsNow", relayBeginsNow},
		{"StreamWaitsForRelays", streamWaitsForRelays},
		{"ChangedByAnother", changedByAnother},
		{"SurvivesRestart", survivesRestart},
		{"Cancelled", cancelled},
		{"EraseShop", eraseShop}, {"EraseUnknown", eraseUnknown}, {"ErasedWhileRecording", erasedWhileRecording},
		{"Statements", statements}, {"StatementsOfNothing", statementsOfNothing}, {"BadStatements", badStatements},
		{"StatementsAreAChain", statementsAreAChain}, {"PrunedStatements", prunedStatements},
		{"LedgerStamps", ledgerStamps}, {"Fates", fates}, {"WhyNobodyWasRung", whyNobodyWasRung},
		{"FatesOfFanOuts", fatesOfFanOuts},
		{"OldOrders", oldOrders}, {"PruneLedger", pruneLedger}, {"PruneHeard", pruneHeard},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(&fixture{T: t, d: d, ctx: t.Context(), s: d.Open(t)})
		})
	}
}

// shop is the tests' shop unless they name another; nobody is none.
const (
	shop   = "demo.myshopify.com"
	other  = "other.myshopify.com"
	nobody = "nobody.myshopify.com"
)

// day is the now of the tests.
var day = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return day.Add(time.Duration(seconds) * time.Second) }

type fixture struct {
	*testing.T
	d   Driver
	ctx context.Context
	s   store.Store
	n   int // events made
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// must returns a function that ends the test at an error, and else returns the value.
func must[T any](v T, err error) func(*fixture) T {
	return func(f *fixture) T { f.Helper(); f.must(err); return v }
}

// errOf leaves out a call's value.
func errOf[T any](_ T, err error) error { return err }

// kind checks that an error is of a kind, and has a text.
func (f *fixture) kind(want bellhop.Kind, err error) {
	f.Helper()
	if err == nil || bellhop.KindOf(err) != want || want != bellhop.Internal && err.Error() == "" {
		f.Errorf("got error %v of kind %d, want kind %d", err, bellhop.KindOf(err), want)
	}
}

func (f *fixture) equal(what string, got, want any) {
	f.Helper()
	if !reflect.DeepEqual(got, want) {
		f.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func (f *fixture) addShop(domains ...string) {
	f.Helper()
	for _, d := range domains {
		f.must(f.s.AddShop(f.ctx, bellhop.Shop{Domain: d, AddedAt: day}))
	}
}

// addShopWithPhone adds the shop with one device.
func (f *fixture) addShopWithPhone(form bellhop.Form) bellhop.Device {
	f.Helper()
	f.addShop(shop)
	return f.addDevice(shop, "phone", form)
}

func (f *fixture) addDevice(domain, installation string, form bellhop.Form) bellhop.Device {
	f.Helper()
	d := must(f.s.PutDevice(f.ctx, bellhop.Device{Shop: domain, Installation: installation, Kind: bellhop.AddressToken,
		Value: "token of " + installation + " at " + domain, Platform: bellhop.PlatformAndroid, Form: form,
		Locale: "en-GB", Timezone: "Europe/Paris", AddedAt: day, SeenAt: day}, store.DeviceLimits{}))(f)
	return d
}

// event makes a new event; later ones sort later.
func (f *fixture) event(domain, topic string) *bellhop.Event {
	f.n++
	e := &bellhop.Event{Shop: domain, Topic: topic, APIVersion: "2026-10", WebhookID: fmt.Sprint("webhook-", f.n),
		ShopifyEventID: fmt.Sprint("event-", f.n), TriggeredAt: at(f.n), AcceptedAt: at(f.n).Add(time.Millisecond),
		SignedBy: bellhop.SignerShop, Body: fmt.Appendf(nil, `{"n":%d}`, f.n)}
	if domain == second { // the only signer it takes
		e.SignedBy = bellhop.SignerShop
	}
	binary.BigEndian.PutUint64(e.ID[:], uint64(e.AcceptedAt.UnixMilli())<<16|0x7000)
	binary.BigEndian.PutUint64(e.ID[8:], 0x8000_0000_0000_0000|uint64(f.n))
	return e
}

// order makes a fact of an order's version: the higher, the newer. It traces every other
// one.
func (f *fixture) order(domain string, id int64, version int) bellhop.Fact {
	e := f.event(domain, "orders/updated")
	if f.n%2 == 1 {
		e.TraceParent = fmt.Sprintf("00-4bf92f3577b34da6a3ce929d0e0e4736-%016x-01", f.n)
	}
	usd := func(cents int64) bellhop.Money { return bellhop.Money{Units: cents, Digits: 2, Currency: "USD"} }
	o := &bellhop.Order{Shop: domain, ID: id,
		Version: bellhop.Version{UpdatedAt: at(version), TriggeredAt: at(version), Hash: uint64(version)*31 + uint64(id)},
		Name:    fmt.Sprintf("#%d", id%100_000), Number: id % 100_000, Total: usd(1000 + int64(version)),
		CustomerName: "Jo Lee", CustomerEmail: "jo@example.com", FinancialStatus: "paid", FulfillmentStatus: "unfulfilled",
		PlacedAt: at(int(id % 1000)), CreatedAt: at(int(id % 1000)), UpdatedAt: at(version)}
	o.Current, o.Pieces = o.Total, 1
	o.Details = bellhop.Details{Schema: bellhop.DetailsSchema, Items: []bellhop.Item{{ID: id * 10,
		Title: fmt.Sprint("Tee ", version), Quantity: 1, Current: 1, ToFulfil: 1, Price: bellhop.Amount(o.Total.String())}}}
	return bellhop.Fact{Event: e, At: e.AcceptedAt.Add(time.Millisecond), OrderID: id, Order: o}
}

// orders makes facts of n orders, with ids from first on.
func (f *fixture) orders(first, n int) []bellhop.Fact {
	facts := make([]bellhop.Fact, n)
	for i := range facts {
		facts[i] = f.order(shop, int64(first+i), 1)
	}
	return facts
}

// said is a step of a history that happened and was stated at a time.
func said(id int64, n int) bellhop.Step {
	return bellhop.Step{ID: id, At: at(n), Said: bellhop.Version{UpdatedAt: at(n), TriggeredAt: at(n), Hash: uint64(n)}}
}

func (f *fixture) edit(domain string, id, edit int64, n int) bellhop.Fact {
	return f.happened(domain, id, &bellhop.History{Edits: []bellhop.Edit{{Step: said(edit, n),
		Added:   []bellhop.LineQuantity{{Item: id * 10, Quantity: int64(n) + 1}},
		Removed: []bellhop.LineQuantity{{Item: id*10 + 1, Quantity: 1}}}}})
}

// refund gives some money back.
func (f *fixture) refund(domain string, id, refund int64, n int) bellhop.Fact {
	return f.happened(domain, id, &bellhop.History{Refunds: []bellhop.Refund{{Step: said(refund, n),
		Amount: bellhop.Amount(fmt.Sprintf("%d.00", n)), Note: "broken",
		Lines: []bellhop.RefundLine{{Item: id * 10, Quantity: 1, Amount: "1.00", Restock: "return"}}}}})
}

func (f *fixture) happened(domain string, id int64, h *bellhop.History) bellhop.Fact {
	e := f.event(domain, "orders/edited")
	return bellhop.Fact{Event: e, At: e.AcceptedAt, OrderID: id, History: h}
}

func (f *fixture) deletion(domain string, id int64) bellhop.Fact {
	e := f.event(domain, "orders/delete")
	return bellhop.Fact{Event: e, At: e.AcceptedAt, OrderID: id, Deleted: true}
}

func (f *fixture) record(facts ...bellhop.Fact) []bellhop.Result {
	f.Helper()
	results := must(f.s.Record(f.ctx, facts))(f)
	if len(results) != len(facts) {
		f.Fatalf("%d results of %d facts", len(results), len(facts))
	}
	return results
}

func (f *fixture) outcomes(facts ...bellhop.Fact) (all []bellhop.Outcome) {
	f.Helper()
	for _, r := range f.record(facts...) {
		all = append(all, r.Outcome)
	}
	return all
}

func (f *fixture) getOrder(id int64) bellhop.Order {
	f.Helper()
	return must(f.s.Order(f.ctx, shop, id))(f)
}

func (f *fixture) noOrder(id int64) {
	f.Helper()
	f.kind(bellhop.NotFound, errOf(f.s.Order(f.ctx, shop, id)))
}

// pages reads all pages of a list.
func pages[T any](page func(cursor string) ([]T, string)) (all []T) {
	for cursor := ""; ; {
		found, next := page(cursor)
		all = append(all, found...)
		if cursor = next; next == "" {
			return all
		}
	}
}

// allLines reads the whole ledger.
func (f *fixture) allLines(q store.LineQuery) []store.Line {
	f.Helper()
	return pages(func(cursor string) ([]store.Line, string) {
		q.Cursor = cursor
		page := must(f.s.Lines(f.ctx, q))(f)
		return page.Lines, page.Next
	})
}

func (f *fixture) allPushes(domain string, q store.PushQuery) []bellhop.Push {
	f.Helper()
	return pages(func(cursor string) ([]bellhop.Push, string) {
		q.Cursor = cursor
		page := must(f.s.Pushes(f.ctx, domain, q))(f)
		return page.Pushes, page.Next
	})
}

func (f *fixture) allOrders(domain string, q store.OrderQuery) []bellhop.Order {
	f.Helper()
	return pages(func(cursor string) ([]bellhop.Order, string) {
		q.Cursor = cursor
		page := must(f.s.Orders(f.ctx, domain, q))(f)
		return page.Orders, page.Next
	})
}

// totalsMatch checks the ledger's totals against its lines.
func (f *fixture) totalsMatch() map[bellhop.Outcome]int64 {
	f.Helper()
	want := map[bellhop.Outcome]int64{}
	for _, l := range f.allLines(store.LineQuery{Limit: 200}) {
		want[l.Outcome]++
	}
	return match(f, "totals", must(f.s.Totals(f.ctx))(f), want)
}

// match compares counts, where 0 is none.
func match[K comparable](f *fixture, what string, got, want map[K]int64) map[K]int64 {
	f.Helper()
	maps.DeleteFunc(got, func(_ K, n int64) bool { return n == 0 })
	f.equal(what, got, want)
	return got
}

// countsMatch checks the counts of pushes against the log.
func (f *fixture) countsMatch(domains ...string) map[bellhop.PushStatus]int64 {
	f.Helper()
	want := map[bellhop.PushStatus]int64{}
	for _, d := range domains {
		for _, p := range f.allPushes(d, store.PushQuery{Limit: 200}) {
			want[p.Status]++
		}
	}
	return match(f, "counts of pushes", must(f.s.PushCounts(f.ctx))(f), want)
}

func (f *fixture) claim(now time.Time, max int) []store.Owed {
	f.Helper()
	return must(f.s.ClaimPushes(f.ctx, now, store.Slots{Free: max}, time.Minute))(f)
}

func (f *fixture) settle(settled ...store.Settled) {
	f.Helper()
	f.must(f.s.SettlePushes(f.ctx, settled))
}

// sent settles messages as sent.
func (f *fixture) sent(at time.Time, owed ...store.Owed) {
	f.Helper()
	for _, o := range owed {
		f.settle(store.Settled{Pushes: o.Pushes, Status: bellhop.PushSent, At: at})
	}
}

func (f *fixture) nextPush() time.Time {
	f.Helper()
	return must(f.s.NextPush(f.ctx))(f)
}

func (f *fixture) lastChange() int64 {
	f.Helper()
	return must(f.s.LastChange(f.ctx))(f)
}

// onePush returns the only push of an order.
func (f *fixture) onePush(id int64) bellhop.Push {
	f.Helper()
	o := f.getOrder(id)
	if len(o.Pushes) != 1 {
		f.Fatalf("order %d has %d pushes, want one", id, len(o.Pushes))
	}
	return o.Pushes[0]
}
