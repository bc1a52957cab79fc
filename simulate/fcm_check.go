package simulate

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"strings"
)

// readTarget wants exactly one of the four, in a form that FCM could have made.
func (m *message) readTarget(msg map[string]any) *fcmError {
	for _, name := range []string{"token", "fid", "topic", "condition"} {
		v, ok := msg[name].(string)
		if !ok {
			continue
		}
		if m.target != "" {
			return badJSON("message",
				"Invalid value at 'message' (oneof), oneof field 'target' is already set. Cannot set '%s'", name)
		}
		m.target, m.to = name, v
	}
	switch {
	case m.to == "":
		return badArgument("message.token", "Recipient of the message is not set.")
	case m.target == "token" && !plausibleToken(m.to):
		return badArgument("message.token", "The registration token is not a valid FCM registration token")
	case m.target == "fid" && !plausibleFID(m.to):
		// [U]: the words
		return badArgument("message.fid", "The installation ID is not a valid Firebase installation ID")
	case m.target == "topic" && strings.Trim(m.to, base64URL+".~%") != "":
		return badArgument("message.topic", "Invalid topic name.")
	}
	return nil
}

// readContent reads the part that the phone shows. Android's values override the common ones.
func (m *message) readContent(msg map[string]any) *fcmError {
	all, android := object(msg, "notification"), object(msg, "android")
	forAndroid := object(android, "notification")
	m.notification = all != nil || forAndroid != nil
	m.title = cmp.Or(textIn(forAndroid, "title"), textIn(all, "title"))
	m.body = cmp.Or(textIn(forAndroid, "body"), textIn(all, "body"))
	m.tag = textIn(forAndroid, "tag")
	m.ios = android == nil && object(msg, "apns") != nil
	m.data = texts(msg, "data")
	if own := texts(android, "data"); own != nil {
		m.data = own
	}
	for k := range m.data {
		if reservedKey(k) {
			return badArgument("message.data", "Invalid data payload key: "+k)
		}
	}
	// Notification messages are always collapsible and ignore collapse_key;
	// data messages are if they have one.
	m.collapsible = m.notification || textIn(android, "collapseKey") != ""
	return nil
}

func (m *message) readTTL(msg map[string]any) *fcmError {
	seconds, ok := object(msg, "android")["ttl"].(float64)
	if ok && (seconds < 0 || seconds > maxTTL.Seconds()) {
		return badArgument("message.android.ttl", "Invalid TTL: it must be from 0 to 2419200 seconds") // [U]: the words
	}
	return nil
}

// readApple takes what matters of the part for Apple devices. It is not confirmed that FCM
// checks the id's length, not only APNs [U].
func (m *message) readApple(msg map[string]any) *fcmError {
	apns := object(msg, "apns")
	headers := texts(apns, "headers")
	m.collapseID = headers["apns-collapse-id"]
	if len(m.collapseID) > maxCollapseID {
		return badArgument("message.apns.headers", "apns-collapse-id is longer than 64 bytes")
	}
	if p, ok := headers["apns-priority"]; ok && p != "1" && p != "5" && p != "10" {
		return badArgument("message.apns.headers", "apns-priority must be 1, 5 or 10")
	}
	if apns["payload"] == nil {
		return nil
	}
	payload, ok := apns["payload"].(map[string]any)
	if !ok {
		return badJSON("message.apns.payload", "Invalid value at 'message.apns.payload'")
	}
	if alert, ok := object(payload, "aps")["alert"].(map[string]any); ok {
		m.alert, m.alertTitle, m.alertBody = true, textIn(alert, "title"), textIn(alert, "body")
	}
	return nil
}

// checkSize counts keys and values of the data and of the notification, for
// Android and for Apple devices by themselves.
func (m *message) checkSize(msg map[string]any) *fcmError {
	limit, base := maxPayload, 0
	if m.target == "topic" || m.target == "condition" {
		limit = maxTopicPayload
	}
	for k, v := range m.data {
		base += len(k) + len(v)
	}
	notification := map[string]any{}
	for _, part := range []map[string]any{object(msg, "notification"), object(object(msg, "android"), "notification")} {
		maps.Copy(notification, part)
	}
	size := base
	for k, v := range notification {
		if s, ok := v.(string); ok {
			size += len(k) + len(s)
		}
	}
	if size > limit {
		return tooBig("Android")
	}
	if payload := object(msg, "apns")["payload"]; payload != nil {
		b, err := json.Marshal(payload)
		if err != nil || base+len(b) > limit {
			return tooBig("APNS")
		}
	}
	return nil
}

func reservedKey(k string) bool {
	return k == "" || k == "from" || k == "notification" || k == "message_type" ||
		strings.HasPrefix(k, "google") || strings.HasPrefix(k, "gcm")
}

func isBase64URL(s string) bool { return strings.Trim(s, base64URL) == "" }

// plausibleToken accepts the form of tokens: an installation id, a colon and a long secret. FCM
// does not publish its own checks.
func plausibleToken(s string) bool {
	id, secret, ok := strings.Cut(s, ":")
	return ok && len(id) >= 11 && len(secret) >= 100 && len(s) <= 4096 && isBase64URL(id) && isBase64URL(secret)
}

// plausibleFID accepts 22 characters of base64url that begin with the bits
// 0111, which mark an id of Firebase.
func plausibleFID(s string) bool {
	return len(s) == 22 && s[0] >= 'c' && s[0] <= 'f' && isBase64URL(s)
}

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func randomText(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = base64URL[r.IntN(len(base64URL))]
	}
	return string(b)
}

// NewFID makes up a Firebase installation id.
func NewFID(r *rand.Rand) string { return string("cdef"[r.IntN(4)]) + randomText(r, 21) }

// NewToken makes up a registration token.
func NewToken(r *rand.Rand) string { return NewFID(r) + ":APA91b" + randomText(r, 134) }
