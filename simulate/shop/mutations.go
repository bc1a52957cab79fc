package shop

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// userError is why a mutation did nothing. The call itself succeeds.
func userError(field []any, message string) []any {
	return []any{object{"field": field, "message": message}}
}

// The fields that errors name. For an address it is callbackUrl, even when uri was sent.
var (
	fieldAddress = []any{"webhookSubscription", "callbackUrl"}
	fieldInput   = []any{"webhookSubscription"}
	fieldID      = []any{"id"}
)

// inputOf reads what both mutations take.
func inputOf(args map[string]any) (in map[string]any, uri string, given bool) {
	in, _ = args["webhookSubscription"].(map[string]any)
	for _, name := range []string{"uri", "callbackUrl"} { // callbackUrl is the older name
		if s, ok := in[name].(string); ok {
			return in, strings.TrimSpace(s), true
		}
	}
	return in, "", false
}

// subscribe is webhookSubscriptionCreate.
func (q *request) subscribe(args map[string]any) (any, error) {
	enum, _ := args["topic"].(string)
	sub := &subscription{topic: topicOf(enum), created: q.now, updated: q.now}
	if err := q.mayHear(sub.topic); err != nil {
		return nil, err
	}
	errs := q.apply(sub, args)
	if errs == nil && len(q.subs) >= maxSubscriptions {
		errs = userError(fieldInput, "The twin keeps no more subscriptions")
	}
	if errs != nil {
		return object{"webhookSubscription": nil, "userErrors": errs}, nil
	}
	q.nextSub++
	sub.id = q.nextSub
	q.subs = append(q.subs, sub)
	return object{"webhookSubscription": q.asSubscription(sub), "userErrors": []any{}}, nil
}

// maxSubscriptions bounds those of one shop.
const maxSubscriptions = 1000

// resubscribe is webhookSubscriptionUpdate.
func (q *request) resubscribe(args map[string]any) (any, error) {
	i := q.subscriptionOf(args)
	if i < 0 {
		return object{"webhookSubscription": nil,
			"userErrors": userError(fieldID, "Webhook subscription does not exist")}, nil
	}
	changed := *q.subs[i]
	if errs := q.apply(&changed, args); errs != nil {
		return object{"webhookSubscription": nil, "userErrors": errs}, nil
	}
	changed.updated = q.now
	q.subs[i] = &changed
	return object{"webhookSubscription": q.asSubscription(&changed), "userErrors": []any{}}, nil
}

// unsubscribe is webhookSubscriptionDelete.
func (q *request) unsubscribe(args map[string]any) (any, error) {
	i := q.subscriptionOf(args)
	if i < 0 {
		return object{"deletedWebhookSubscriptionId": nil,
			"userErrors": userError(fieldID, "Webhook subscription does not exist")}, nil
	}
	id := q.subs[i].gid()
	q.subs = slices.Delete(q.subs, i, i+1)
	return object{"deletedWebhookSubscriptionId": id, "userErrors": []any{}}, nil
}

func (q *request) subscriptionOf(args map[string]any) int {
	id, _ := args["id"].(string)
	return q.subscription(id)
}

// mayHear refuses the topics about orders to an app without their scope.
func (q *request) mayHear(topic string) error {
	if scope := scopeOf(topic); scope != "" && !q.has(scope) {
		return accessDenied("webhookSubscriptionCreate field", scope)
	}
	return nil
}

// scopeOf is what an app needs to subscribe to a topic, as the schema says; "" for nothing.
func scopeOf(topic string) string {
	switch kind, _, _ := strings.Cut(topic, "/"); kind {
	case "orders", "refunds", "order_transactions":
		return "read_orders"
	case "fulfillments":
		return "read_fulfillments"
	}
	return ""
}

// apply gives a subscription what a mutation asks for; it returns the errors of that.
func (q *request) apply(sub *subscription, args map[string]any) []any {
	in, uri, given := inputOf(args)
	if given || sub.uri == "" {
		if wrong := q.wrongAddress(uri); wrong != "" {
			return userError(fieldAddress, wrong)
		}
		sub.uri = uri
	}
	for _, other := range q.subs {
		if other.id != sub.id && other.topic == sub.topic && other.uri == sub.uri {
			return userError(fieldAddress, "Address for this topic has already been taken")
		}
	}
	if scopeOf(sub.topic) != "" && q.faults.Protected == ProtectedOrders {
		return userError(fieldInput, "This app is not approved to subscribe to webhook topics containing protected "+
			"customer data. See https://shopify.dev/docs/apps/launch/protected-customer-data for more details.")
	}
	for _, unknown := range []string{"filter", "metafields", "metafieldNamespaces"} {
		if v := in[unknown]; v != nil && v != "" && fmt.Sprint(v) != "[]" {
			return userError([]any{"webhookSubscription", unknown}, "The twin doesn't know "+unknown)
		}
	}
	if f, _ := in["format"].(string); f == "XML" {
		return userError([]any{"webhookSubscription", "format"}, "The twin sends JSON alone")
	}
	if fields, ok := in["includeFields"].([]any); ok {
		sub.fields = nil
		for _, f := range fields {
			sub.fields = append(sub.fields, fmt.Sprint(f))
		}
	}
	if name, ok := in["name"].(string); ok {
		sub.name = name
	}
	return nil
}

var (
	eventBusARN = regexp.MustCompile(`^arn:aws:events:[a-z0-9-]+::event-source/aws\.partner/shopify\.com(\.test)?/\d+/.+$`)
	pubSub      = regexp.MustCompile(`^pubsub://[^:/]+:[^:/]+$`)
)

// maxAddress is the most bytes of an address.
const maxAddress = 64 << 10

// wrongAddress says what Shopify does of an address that it can't deliver to; "" for a good one.
func (q *request) wrongAddress(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case uri == "":
		return "Address can't be blank"
	case len(uri) > maxAddress:
		return "Address is too big (maximum is 64 KB)"
	case strings.HasPrefix(uri, "arn:"):
		if !eventBusARN.MatchString(uri) {
			return "Address is not a valid AWS ARN"
		}
		return ""
	case strings.HasPrefix(uri, "pubsub:"):
		if !pubSub.MatchString(uri) {
			return "Address is not a valid GCP pub/sub format. Format should be pubsub://project:topic"
		}
		return ""
	case err != nil || u.Hostname() == "":
		return "Address is invalid"
	case q.Twin.opt.Loopback && isLoopback(u.Hostname()):
		return ""
	case u.Scheme != "https":
		return "Address protocol " + u.Scheme + ":// is not supported"
	case internal(u.Hostname()):
		return "Address cannot be a Shopify or an internal domain"
	case !strings.Contains(u.Hostname(), "."):
		return "Address is invalid"
	}
	return ""
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// internal reports whether a host is Shopify's own, or reached from inside a network alone.
func internal(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
	}
	host = strings.ToLower(host)
	for _, domain := range []string{"localhost", "local", "internal", "myshopify.com", "shopify.com"} {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}

// asSubscription shows the version of the app's configuration, whatever version asks.
func (q *request) asSubscription(s *subscription) object {
	fields := []any{}
	for _, f := range s.fields {
		fields = append(fields, f)
	}
	version := q.Twin.opt.APIVersion
	return object{"id": s.gid(), "legacyResourceId": strconv.FormatInt(s.id, 10), "topic": enumOf(s.topic), "uri": s.uri,
		"format": "JSON", "filter": nil, "includeFields": fields, "metafieldNamespaces": []any{}, "name": nameOf(s),
		"apiVersion": object{"handle": version, "displayName": version, "supported": true},
		"createdAt":  stamp(s.created), "updatedAt": stamp(s.updated)}
}

func nameOf(s *subscription) any {
	if s.name == "" {
		return nil
	}
	return s.name
}

// listSubscriptions lists those made by the API alone.
func (q *request) listSubscriptions(args map[string]any) (any, error) {
	return connection(q.wanted(args), q.asSubscription)(args)
}

// wanted applies the arguments topics and uri.
func (q *request) wanted(args map[string]any) (all []*subscription) {
	topics, _ := args["topics"].([]any)
	uri, _ := args["uri"].(string)
	for _, s := range q.subs {
		if (len(topics) == 0 || slices.Contains(topics, any(enumOf(s.topic)))) && (uri == "" || s.uri == uri) {
			all = append(all, s)
		}
	}
	return all
}

func (q *request) countSubscriptions(args map[string]any) (any, error) {
	return object{"count": len(q.wanted(args)), "precision": "EXACT"}, nil
}

func (q *request) oneSubscription(args map[string]any) (any, error) {
	if i := q.subscriptionOf(args); i >= 0 {
		return q.asSubscription(q.subs[i]), nil
	}
	return nil, nil
}
