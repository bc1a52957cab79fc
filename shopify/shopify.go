// Package shopify knows Shopify's formats: it checks a webhook's signature ([Keys.Verify]) and
// reads its body ([Decode]). It is pure: its results depend only on its arguments.
package shopify

// The headers of a webhook, in the form that net/http stores them under. [ReadHeaders] knows those of an Event, too.
const (
	HeaderTopic       = "X-Shopify-Topic"
	HeaderHMAC        = "X-Shopify-Hmac-Sha256"
	HeaderShop        = "X-Shopify-Shop-Domain"
	HeaderAPIVersion  = "X-Shopify-Api-Version"
	HeaderWebhookID   = "X-Shopify-Webhook-Id"
	HeaderEventID     = "X-Shopify-Event-Id"     // optional
	HeaderTriggeredAt = "X-Shopify-Triggered-At" // optional; [ParseTime] reads it
)

// The topics that say something of an order.
const (
	TopicOrderCreate             = "orders/create"
	TopicOrderUpdated            = "orders/updated"
	TopicOrderPaid               = "orders/paid"
	TopicOrderCancelled          = "orders/cancelled"
	TopicOrderFulfilled          = "orders/fulfilled"
	TopicOrderPartiallyFulfilled = "orders/partially_fulfilled"
	TopicOrderEdited             = "orders/edited"
	TopicOrderDelete             = "orders/delete"
	TopicOrderRisk               = "orders/risk_assessment_changed"
	TopicRefundCreate            = "refunds/create"
	TopicFulfillmentCreate       = "fulfillments/create"
	TopicFulfillmentUpdate       = "fulfillments/update"
)

// The topics of Events, which also say something of an order: a topic of theirs and an action.
const (
	TopicEventCreate = "Order/create"
	TopicEventUpdate = "Order/update"
	TopicEventDelete = "Order/delete"
)

// The topics that say something of the shop itself.
const (
	TopicAppUninstalled  = "app/uninstalled"
	TopicAppScopesUpdate = "app/scopes_update"
	TopicShopUpdate      = "shop/update"
)

// The topics that ask a person to act.
const (
	TopicCustomersDataRequest = "customers/data_request"
	TopicCustomersRedact      = "customers/redact"
	TopicShopRedact           = "shop/redact"
)

// Wanted lists the topics that bellhop reads and that an app subscribes to, by Shopify's API or in its
// configuration.
func Wanted() []string {
	return []string{
		TopicOrderCreate, TopicOrderUpdated, TopicOrderPaid, TopicOrderCancelled, TopicOrderFulfilled,
		TopicOrderPartiallyFulfilled, TopicOrderEdited, TopicOrderDelete, TopicOrderRisk, TopicRefundCreate,
		TopicFulfillmentCreate, TopicFulfillmentUpdate, TopicAppUninstalled, TopicAppScopesUpdate, TopicShopUpdate,
	}
}

// BesideEvents lists the topics of [Wanted] that an app subscribes to beside Events. Edits, risks, the app and the shop
// have no Event. Nobody says whether a parcel on its way changes its order; all else changes the order itself.
func BesideEvents() []string {
	return []string{
		TopicOrderEdited, TopicOrderRisk, TopicFulfillmentUpdate, TopicAppUninstalled, TopicAppScopesUpdate, TopicShopUpdate,
	}
}

// Compliance lists the topics that the law asks for. Only the app's configuration subscribes to them.
func Compliance() []string {
	return []string{TopicCustomersDataRequest, TopicCustomersRedact, TopicShopRedact}
}
