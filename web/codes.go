package web

// Code is what a problem's code stands for.
type Code struct {
	Code     string
	Statuses []int
	When     string
	Do       string // what a client does
}

// CodeGroup is codes that belong together.
type CodeGroup struct {
	Title string
	Codes []Code
}

// Codes are all codes of the API's problems. A test finds those that the code has and that are missing here; the API's
// document, its page and docs/problems.md are made from it.
func Codes() []CodeGroup {
	return []CodeGroup{
		{"Any call", anyCodes()},
		{"Who is asking", whoCodes()},
		{"A field or a parameter", fieldCodes()},
		{"What isn't there", missingCodes()},
		{"What contradicts it", conflictCodes()},
		{"Shopify", shopifyCodes()},
	}
}

const (
	doMend  = "Mend the request."
	doLater = "Try again later: Retry-After says when, where there is one."
	doShow  = "Show detail at the field."
)

func anyCodes() []Code {
	return []Code{
		{"invalid", []int{400}, "The request is not as the document describes.", "Mend the request: errors names each part that is wrong."},
		{"body_cut", []int{400}, "The body ended early.", "Send it again."},
		{"cross_site", []int{403}, "A browser sent it from another site's page.", "Call from a page of bellhop's own, or with a token instead of the cookie."},
		{"not_found", []int{404}, "There is nothing at this address.", "Mend the address."},
		{"method_not_allowed", []int{405}, "This address doesn't take the method.", "Use one that Allow names."},
		{"not_acceptable", []int{406}, "Accept names no form that the answer has.", "Accept application/json."},
		{"too_slow", []int{408}, "The request didn't come in time.", "Send it again."},
		{"slow_body", []int{408}, "The request's body didn't come in time.", "Send it again."},
		{"too_large", []int{413}, "The body is larger than 64 KB.", "Send less."},
		{"unsupported_media_type", []int{415}, "The body is no JSON by its Content-Type.", "Send application/json."},
		{"rate_limited", []int{429}, "Too often, for one account, shop or address.", doLater},
		{"busy", []int{429, 503}, "Too many requests, sign-ins or streams are under way.", doLater},
		{"internal", []int{500}, "Something went wrong in bellhop; its log says what.", "Try again later, and tell whoever runs bellhop if it stays."},
		{"unavailable", []int{503}, "Something that bellhop needs is away.", doLater},
		{"closed", []int{503}, "bellhop is being stopped or restarted.", doLater},
		{"database", []int{503}, "The database can't be written now.", doLater},
		{"database_busy", []int{503}, "All connections to the database are in use.", doLater},
		{"database_unavailable", []int{503}, "The database doesn't answer.", doLater},
		{"disk_full", []int{503}, "The server's disk is full.", "Tell whoever runs bellhop."},
		{"fsync_failed", []int{503}, "The server's disk fails.", "Tell whoever runs bellhop."},
	}
}

func whoCodes() []Code {
	return []Code{
		{"unauthenticated", []int{401}, "There is no credential, or it ran out or was revoked.", "Sign in anew."},
		{"wrong_credentials", []int{401, 409}, "The e-mail address or the password is wrong. 409: Shopify doesn't take the app's own credentials.", "Ask the person again. 409: compare the app's client id and secret with its settings."},
		{"wrong_code", []int{401}, "The code of the mail is wrong, was used or tried five times, or is older than ten minutes or than another mail.", "Let the person type it again, or ask for a new mail."},
		{"refresh_invalid", []int{401}, "The refresh token is not valid: its session ended, or it never was one.", "Let the person sign in anew."},
		{"refresh_reused", []int{401}, "The refresh token came after its turn: somebody else may have it, and the session has ended.", "Let the person sign in anew, and look through their devices."},
		{"token_expired", []int{401}, "The identity provider's token ran out, or isn't valid yet.", "Get a new one from the provider."},
		{"token_claim", []int{401}, "The identity provider's token lacks a claim, or has a wrong one.", "See detail and the provider's settings."},
		{"no_account", []int{401}, "Nobody here has the identity token's address, or none of its shops is here.", "Ask the shop's owner for an invitation."},
		{"operator_token", []int{401}, "Operators don't sign in by an identity provider here.", "Sign in with the password."},
		{"invalid_id_token", []int{401}, "It is no ID token of Shopify's for this app, or it ran out.", "Get a new one: App Bridge does by itself."},
		{"invalid_token", []int{401}, "Shopify doesn't take the token.", "Get a new one."},
		{"token_narrower", []int{403}, "The identity token opens less than the account has.", "Send it with each request instead of signing in."},
		{"people_only", []int{403}, "An API token is nobody's account.", "Sign in as a person."},
		{"members_only", []int{403}, "An operator has no phones, and no session that refreshes.", "Sign in as somebody of the shop."},
		{"owners_only", []int{403}, "Only an owner of the shop may do this.", "Hide it from staff."},
		{"operator_required", []int{403}, "Only operators may do this.", "Use an operator's token."},
		{"issuer_away", []int{503}, "The identity provider's keys can't be fetched.", doLater},
		{"too_many_streams", []int{429}, "This person or token has as many streams open as it may.", "Close one."},
	}
}

func fieldCodes() []Code {
	return []Code{
		{"shop_required", []int{400}, "The person belongs to several shops, and the call names none.", "Name one with ?shop=."},
		{"shop", []int{400}, "This is no myshopify.com domain.", doShow},
		{"email", []int{400}, "This is no e-mail address.", doShow},
		{"password", []int{400}, "A password has 8 to 1024 characters.", doShow},
		{"confirm", []int{400}, "The address isn't that of the account to remove.", "Let the person type it again."},
		{"language", []int{400}, "bellhop doesn't speak this language.", doShow},
		{"timezone", []int{400}, "There is no such time zone.", doShow},
		{"at_least", []int{400}, "This is no amount.", doShow},
		{"loud_from", []int{400}, "This is no amount.", doShow},
		{"quiet_from", []int{400}, "This is no time of the day.", doShow},
		{"quiet_to", []int{400}, "This is no time of the day, or only one of both is set.", doShow},
		{"gather_above", []int{400}, "It is 0 to 1000.", doShow},
		{"people", []int{400}, "A rota has 1 to 20 people of the shop, each once.", doShow},
		{"after", []int{400}, "A ring waits 1 to 1440 minutes.", doShow},
		{"from", []int{400}, "This is no amount.", doShow},
		{"name", []int{400}, "The name is empty or too long.", doShow},
		{"device", []int{400}, "Kind, value and platform don't fit together.", doMend},
		{"installation", []int{400}, "The installation's id is too long.", doMend},
		{"address", []int{400}, "The device's value is too long.", doMend},
		{"locale", []int{400}, "The locale is too long.", doMend},
		{"role", []int{400}, "Somebody is an owner of a shop, or its staff.", doMend},
		{"token", []int{400}, "The grant and the token don't fit together, or it is none of Shopify's.", doMend},
		{"other_shop", []int{400}, "The token is another shop's.", "Connect that shop, or use this one's token."},
		{"own_secret_only", []int{400}, "The shop would refuse every webhook: it has no secret of its own.", "Give it one first."},
		{"not_a_session", []int{400}, "An API token can't sign out.", "Let an operator revoke it."},
		{"order", []int{400}, "This is no order's id.", doMend},
		{"status", []int{400}, "There is no such status.", doMend},
		{"idempotency_key", []int{400}, "An Idempotency-Key is one of 1 to 255 printable characters of ASCII.", doMend},
		{"idempotency_key_reused", []int{400}, "Another request has this Idempotency-Key.", "Use a new key for each change."},
		{"idempotency_key_unsupported", []int{400}, "The answer has a secret, which bellhop doesn't keep.", "Send it without the key."},
		{"if_match", []int{400}, "If-Match is no list of ETags.", "Send an ETag as it came, with its quotes."},
		{"handling", []int{400}, "Handling is new, seen or handled.", doMend},
		{"limit", []int{400}, "A page has 1 to 200 entries.", doMend},
		{"cursor", []int{400}, "The cursor is damaged, or of another list.", "Begin again without one."},
		{"updated_since", []int{400}, "It is no now of an earlier list, or stands beside filters.", "Load all orders anew without filters."},
		{"secret", []int{400}, "A signing secret is one line of up to 1,024 bytes.", doShow},
		{"last_event_id", []int{400}, "This is no id of an event of the stream.", "Begin without one, and load afresh."},
		{"q", []int{400}, "The text to search for is too long.", doShow},
		{"tag", []int{400}, "The tag is too long.", doShow},
		{"filter", []int{400}, "A filter takes up to so many values, as detail says.", doMend},
		{"sort", []int{400}, "Orders are sorted by placed or updated.", doMend},
		{"month", []int{400}, "This is no month, or one that is yet to come.", doShow},
	}
}

func missingCodes() []Code {
	const gone = "Take it out of what you show."
	return []Code{
		{"shop_not_found", []int{404}, "There is no such shop, or not for this caller.", "Load GET /v1/me anew."},
		{"order_not_found", []int{404}, "There is no such order in the shop, or it was deleted.", gone},
		{"push_not_found", []int{404}, "There is no such push in the shop.", gone},
		{"device_not_found", []int{404}, "There is no such device, or not for this caller.", gone},
		{"session_not_found", []int{404}, "The person has no such session, or no longer.", gone},
		{"person_not_found", []int{404}, "There is no such person in the shop.", gone},
		{"token_not_found", []int{404}, "There is no such API token in the shop.", gone},
		{"invitation_not_found", []int{404}, "The invitation doesn't hold: used, withdrawn, too old, or for somebody who has an account.", "Sign in, or ask for another."},
		{"privacy_request_not_found", []int{404}, "There is no such request.", gone},
		{"export_not_found", []int{404}, "The request has no export, or no longer.", gone},
		{"connection_not_found", []int{404}, "The shop isn't connected to Shopify.", "Connect it."},
		{"connecting_off", []int{404}, "This bellhop connects no shops.", "Set it up: see BELLHOP_SHOPIFY_CLIENT_ID."},
		{"shop_gone", []int{404}, "Shopify knows no such shop.", "Compare the domain."},
	}
}

func conflictCodes() []Code {
	return []Code{
		{"conflict", []int{409}, "It contradicts what is there, such as a connection that is over.", "See detail."},
		{"changed_meanwhile", []int{409, 412}, "Somebody else changed the order since you read it: 412 by If-Match, 409 by was. handling is what it is now, ETag names it.", "Load it again, show it, and ask the person."},
		{"already_taken", []int{409}, "Another person has the order; detail says who.", "Show who has it."},
		{"already_handled", []int{409}, "The order is handled: nobody has to take it.", "Load it again."},
		{"order_cancelled", []int{409}, "The order was cancelled: nobody has to take it.", "Load it again."},
		{"not_taken", []int{409}, "Nobody has the order.", "Load it again."},
		{"too_many_steps", []int{409}, "The order was taken and released too often.", doShow},
		{"in_progress", []int{409}, "The first request with this Idempotency-Key is under way.", "Send it again after Retry-After, with the same key."},
		{"too_long_ago", []int{409}, "What changed since then is no longer kept.", "Load all orders anew, and go on from the now of that list."},
		{"not_sent", []int{409}, "Nobody has sent this push, so that no phone has it.", "Drop the receipt."},
		{"already_member", []int{409}, "They belong to the shop already.", "Nothing is left to do."},
		{"other_address", []int{409}, "The invitation is for another e-mail address.", "Sign in as that person."},
		{"last_owner", []int{409}, "A shop keeps one owner.", "Make somebody else an owner first."},
		{"is_operator", []int{409}, "An operator sees every shop already.", "Use another account."},
		{"shop_exists", []int{409}, "The shop is there already.", "Nothing is left to do."},
		{"token_exists", []int{409}, "The shop has a token of this name.", "Revoke that one, or choose another name."},
		{"email_taken", []int{409}, "Somebody has this e-mail address already.", "Sign in, or use another."},
		{"too_many_people", []int{409}, "The shop has as many people as it may.", "Remove somebody first."},
		{"too_many_shops", []int{409}, "The person has as many shops as they may.", "Leave one first."},
		{"too_many_tokens", []int{409}, "The shop has as many tokens as it may.", "Revoke one first."},
		{"no_mail", []int{409}, "This bellhop sends no mail.", "Set BELLHOP_MAIL, or sign in with the password."},
		{"no_url", []int{409}, "Nobody said where people reach bellhop.", "Set BELLHOP_URL."},
		{"superseded", []int{409}, "The shop was connected anew meanwhile.", "Load it again."},
		{"shop_busy", []int{503}, "Another process works on the shop.", doLater},
		{"search_busy", []int{503}, "Other searches in this shop are under way.", doLater},
		{"search_too_long", []int{503}, "The search took too long.", "Search for less, or later."},
	}
}

func shopifyCodes() []Code {
	const again = "Connect the shop again."
	return []Code{
		{"access_revoked", []int{409}, "Shopify no longer takes bellhop's token.", again},
		{"reconnect_needed", []int{409}, "What bellhop had to get a new token is used up.", again},
		{"token_must_expire", []int{409}, "Shopify takes only tokens that expire.", again},
		{"app_not_installed", []int{409}, "The app isn't installed in the shop.", "Install it first."},
		{"other_organisation", []int{409}, "The shop is not of the app's own organisation.", "Let its owner install the app."},
		{"address_not_allowed", []int{409}, "Shopify doesn't take calls from bellhop's address.", "Add it to the app's IP allowlist."},
		{"address_refused", []int{409}, "Shopify doesn't deliver to BELLHOP_URL.", "Make it https, and reachable from the internet."},
		{"protected_data", []int{409}, "The app has no approval for protected customer data.", "Ask Shopify for it."},
		{"scope_missing", []int{409}, "The app lacks a scope.", "Add it to the app, and have the owner agree."},
		{"version_retired", []int{409}, "Shopify has retired this version of its API.", "Update bellhop."},
		{"invalid_cursor", []int{409}, "Shopify forgot where a list was left off.", "Try again."},
		{"refused", []int{409}, "Shopify refused in words that bellhop doesn't know.", "See bellhop's log."},
		{"shop_unavailable", []int{503}, "The shop is closed, frozen or locked at Shopify.", "Its owner settles that with Shopify."},
		{"throttled", []int{503}, "Shopify takes no more requests for now.", doLater},
		{"changing", []int{503}, "An order changed each time that bellhop read it.", doLater},
		{"bulk_failed", []int{503}, "Shopify didn't write the file of all orders.", doLater},
	}
}
