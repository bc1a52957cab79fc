package admin

import (
	"errors"
	"fmt"
	"slices"

	"bellhop"
)

// Refusal says why Shopify refused. It is the code of an error.
type Refusal string

// The refusals. After those of the first group nothing helps but another install; those of the last
// group pass by themselves.
const (
	AccessRevoked   Refusal = "access_revoked"   // the token was revoked or ran out, or the app is not installed any more
	ReconnectNeeded Refusal = "reconnect_needed" // the refresh token or the code is dead
	ShopGone        Refusal = "shop_gone"        // Shopify knows no such shop

	WrongCredentials  Refusal = "wrong_credentials"   // ours, not the shop's
	AppNotInstalled   Refusal = "app_not_installed"   // client credentials ask for an install first
	OtherOrganisation Refusal = "other_organisation"  // client credentials are for the app's own organisation
	AddressNotAllowed Refusal = "address_not_allowed" // the app's list of addresses lacks ours
	TokenMustExpire   Refusal = "token_must_expire"   // Shopify takes only tokens that expire
	ProtectedData     Refusal = "protected_data"      // the app has no approval for data of customers
	ScopeMissing      Refusal = "scope_missing"
	AddressRefused    Refusal = "address_refused" // a subscription's address
	InvalidToken      Refusal = "invalid_token"   // an ID token, or one to exchange
	VersionRetired    Refusal = "version_retired"
	InvalidCursor     Refusal = "invalid_cursor" // of a page: it is too old, or of another query
	Refused           Refusal = "refused"        // in words that bellhop doesn't know

	ShopUnavailable Refusal = "shop_unavailable" // frozen, locked or closed for now
	Unavailable     Refusal = "unavailable"      // Shopify did not answer, or with nonsense
	Throttled       Refusal = "throttled"
	Changing        Refusal = "changing"    // an order changed each time that it was read
	BulkFailed      Refusal = "bulk_failed" // a bulk operation ended without its file
)

// Refusals are all of them.
func Refusals() []Refusal {
	all := make([]Refusal, 0, len(refusals))
	for r := range refusals {
		all = append(all, r)
	}
	slices.Sort(all)
	return all
}

var refusals = map[Refusal]struct {
	kind   bellhop.Kind
	advice string
}{
	AccessRevoked: {bellhop.Conflict, "Shopify no longer takes bellhop's token: connect the shop again"},
	ReconnectNeeded: {bellhop.Conflict,
		"what bellhop had to get a new token is used up: connect the shop again"},
	ShopGone: {bellhop.NotFound, "Shopify knows no such shop: check the domain"},
	WrongCredentials: {bellhop.Conflict, "Shopify doesn't take the app's client id or secret: " +
		"compare BELLHOP_SHOPIFY_CLIENT_ID and BELLHOP_SHOPIFY_SECRET with the app's settings in the Dev Dashboard"},
	AppNotInstalled: {bellhop.Conflict,
		"the app is not installed in the shop: install it there first, then connect again"},
	OtherOrganisation: {bellhop.Conflict, "the shop is not of the app's own organisation: " +
		"let the shop's owner install the app at /shopify/install"},
	AddressNotAllowed: {bellhop.Conflict, "Shopify doesn't take calls from this address: " +
		"add the address that bellhop calls from to the app's IP allowlist in the Dev Dashboard"},
	TokenMustExpire: {bellhop.Conflict, "Shopify takes only tokens that expire: connect the shop again"},
	ProtectedData: {bellhop.Conflict, "the app has no approval for protected customer data: " +
		"ask for it under API access requests in the app's settings"},
	ScopeMissing: {bellhop.Conflict, "the app lacks a scope: add it to the app's configuration, and have the owner agree"},
	AddressRefused: {bellhop.Conflict, "Shopify doesn't deliver to this address: " +
		"BELLHOP_URL must be https, and reachable from the internet"},
	InvalidToken:   {bellhop.Unauthenticated, "the token is not one of this app's, or it ran out: get a new one"},
	VersionRetired: {bellhop.Conflict, "Shopify has retired this version of its Admin API: update bellhop"},
	InvalidCursor:  {bellhop.Conflict, "Shopify no longer knows where a list was left off: begin again at its first page"},
	Refused:        {bellhop.Conflict, "Shopify refused it in words that bellhop doesn't know: see the log"},
	ShopUnavailable: {bellhop.Unavailable,
		"the shop is closed, frozen or locked at Shopify: its owner has to settle that with Shopify"},
	Unavailable: {bellhop.Unavailable, "Shopify did not answer: bellhop tries again"},
	Throttled:   {bellhop.Unavailable, "Shopify takes no more requests for now: bellhop tries again"},
	BulkFailed:  {bellhop.Unavailable, "Shopify did not write the file of all orders: bellhop asks for them page by page"},
	Changing:    {bellhop.Unavailable, "an order changed each time that bellhop read it: bellhop tries again"},
}

// Advice says in a line what is wrong and what to do; "" for what is no refusal.
func (r Refusal) Advice() string { return refusals[r].advice }

// RefusalOf returns the refusal in err's chain, "" for none.
func RefusalOf(err error) Refusal {
	for err != nil {
		e, ok := errors.AsType[*bellhop.Error](err)
		if !ok {
			return ""
		}
		if _, ok := refusals[Refusal(e.Code)]; ok {
			return Refusal(e.Code)
		}
		err = e.Cause
	}
	return ""
}

// refuse makes a refusal's error. The cause is for the log, and has no secret in it.
func refuse(r Refusal, shop, format string, args ...any) error {
	return &bellhop.Error{Kind: refusals[r].kind, Code: string(r), Message: shop + ": " + r.Advice(),
		Cause: fmt.Errorf(format, args...)}
}
