package admin

import (
	"context"
	"strings"

	"bellhop"
	"bellhop/shopify"
)

// Subscription is one that was made by the API. Those of the app's configuration are never listed.
type Subscription struct {
	ID            string
	Topic         string // such as "orders/create"
	URI           string
	APIVersion    string   // the app's, whichever version asked for it
	IncludeFields []string // none: all
	Filter        string   // "": none
}

const (
	subscriptionsPage  = 100
	maxSubscriptionsOf = 20 // pages
)

var subscriptionsQuery = operation{"Subscriptions", `query Subscriptions($first: Int!, $after: String) {
  webhookSubscriptions(first: $first, after: $after) {
    nodes {
      id
      topic
      uri
      filter
      includeFields
      apiVersion { handle }
    }
    pageInfo { hasNextPage endCursor }
  }
}`}

type subscriptionPage struct {
	Subscriptions struct {
		Nodes []struct {
			ID            string   `json:"id"`
			Topic         string   `json:"topic"`
			URI           string   `json:"uri"`
			Filter        string   `json:"filter"`
			IncludeFields []string `json:"includeFields"`
			APIVersion    struct {
				Handle string `json:"handle"`
			} `json:"apiVersion"`
		} `json:"nodes"`
		PageInfo struct {
			HasNext bool   `json:"hasNextPage"`
			End     string `json:"endCursor"`
		} `json:"pageInfo"`
	} `json:"webhookSubscriptions"`
}

// Subscriptions returns all that the app has in the shop by the API.
func (s *Shop) Subscriptions(ctx context.Context) (all []Subscription, err error) {
	variables := map[string]any{"first": subscriptionsPage}
	for range maxSubscriptionsOf {
		var data subscriptionPage
		if err := s.do(ctx, subscriptionsQuery, variables, &data); err != nil {
			return nil, err
		}
		for _, n := range data.Subscriptions.Nodes {
			all = append(all, Subscription{n.ID, topicOf(n.Topic), n.URI, n.APIVersion.Handle, n.IncludeFields, n.Filter})
		}
		page := data.Subscriptions.PageInfo
		if !page.HasNext || page.End == "" {
			return all, nil
		}
		variables["after"] = page.End
	}
	return nil, refuse(Refused, s.domain, "Subscriptions: more than %d", subscriptionsPage*maxSubscriptionsOf)
}

var subscribeMutation = operation{"Subscribe", `mutation Subscribe($topic: WebhookSubscriptionTopic!, $uri: String!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri, format: JSON}) {
    webhookSubscription { id }
    userErrors { field message }
  }
}`}

// Subscribe has Shopify send a topic to an address. A subscription that is there already is success.
func (s *Shop) Subscribe(ctx context.Context, topic, uri string) error {
	var data struct {
		Payload struct {
			Subscription *struct {
				ID string `json:"id"`
			} `json:"webhookSubscription"`
			UserErrors userErrors `json:"userErrors"`
		} `json:"webhookSubscriptionCreate"`
	}
	if err := s.do(ctx, subscribeMutation, map[string]any{"topic": enumOf(topic), "uri": uri}, &data); err != nil {
		return err
	}
	if data.Payload.UserErrors.say("already been taken") {
		return nil
	}
	if data.Payload.Subscription == nil && len(data.Payload.UserErrors) == 0 {
		return refuse(Unavailable, s.domain, "Subscribe %s: the answer has neither a subscription nor a reason", topic)
	}
	return data.Payload.UserErrors.refusal(s.domain, "Subscribe "+topic)
}

var unsubscribeMutation = operation{"Unsubscribe", `mutation Unsubscribe($id: ID!) {
  webhookSubscriptionDelete(id: $id) {
    deletedWebhookSubscriptionId
    userErrors { field message }
  }
}`}

// Unsubscribe ends a subscription. One that is gone already is success.
func (s *Shop) Unsubscribe(ctx context.Context, id string) error {
	var data struct {
		Payload struct {
			UserErrors userErrors `json:"userErrors"`
		} `json:"webhookSubscriptionDelete"`
	}
	err := s.do(ctx, unsubscribeMutation, map[string]any{"id": id}, &data)
	if err != nil || data.Payload.UserErrors.say("does not exist") {
		return err
	}
	return data.Payload.UserErrors.refusal(s.domain, "Unsubscribe")
}

// userErrors are why Shopify did not do what a mutation asks for. The answer is no error otherwise.
type userErrors []struct {
	Field   []string `json:"field"`
	Message string   `json:"message"`
}

func (errs userErrors) say(what string) bool {
	for _, e := range errs {
		if strings.Contains(e.Message, what) {
			return true
		}
	}
	return false
}

// refusal is the first of them, nil for none.
func (errs userErrors) refusal(shop, doing string) error {
	if len(errs) == 0 {
		return nil
	}
	e := errs[0]
	r, message := Refused, strings.ToLower(e.Message)
	switch {
	case strings.Contains(message, "not approved"):
		r = ProtectedData
	case strings.Contains(message, "scope"), strings.Contains(message, "permission"):
		r = ScopeMissing
	case strings.HasPrefix(message, "address"):
		r = AddressRefused
	}
	return refuse(r, shop, "%s: %q", doing, bellhop.Clip(e.Message, 200))
}

// enumOf is the name of a topic in the schema.
func enumOf(topic string) string { return strings.ToUpper(strings.ReplaceAll(topic, "/", "_")) }

// topicOf is the topic of a name in the schema; the name itself for one that bellhop doesn't want,
// since it doesn't show where the slash is.
func topicOf(enum string) string {
	for _, topic := range shopify.Wanted() {
		if enumOf(topic) == enum {
			return topic
		}
	}
	return enum
}
