package fcmpush

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	"bellhop"
	"bellhop/push"
)

// A device of form data gets title, body and tag under these keys.
const (
	KeyTitle = "title"
	KeyBody  = "body"
	KeyTag   = "tag"
)

const (
	maxTTL = 28 * 24 * time.Hour // FCM's own
	maxTag = 64                  // APNs' limit for a collapse id

	// maxPayload stays below FCM's 4,096 bytes. compose compares it with the whole
	// message as JSON but for the address, which is more than FCM or APNs
	// count, however they do.
	maxPayload = 4000
	// overhead is more than a message takes without its texts, its data and the
	// tag, the tag's three places counted.
	overhead = 740
)

// The channels of Android, which the app makes: its owner may let the urgent one through, and silence the other.
const (
	channelUrgent = "bellhop_urgent"
	channelSilent = "bellhop_silent"
)

// aps is what APNs gets beside the alert, which FCM adds.
func aps(m *push.Message) map[string]any {
	aps := map[string]any{"sound": "default"}
	switch m.Level {
	case push.Urgent:
		aps["interruption-level"] = "time-sensitive"
	case push.Silent:
		aps = map[string]any{"interruption-level": "passive"}
	}
	if m.Category != "" {
		aps["category"] = m.Category
	}
	return aps
}

func payload(aps map[string]any) json.RawMessage {
	b, _ := json.Marshal(map[string]any{"aps": aps}) // texts always marshal
	return b
}

func channel(l push.Level) string {
	switch l {
	case push.Urgent:
		return channelUrgent
	case push.Silent:
		return channelSilent
	}
	return ""
}

// compose makes FCM's form of a message. Its only error is a device that FCM
// has no address for.
func (s *Sender) compose(m push.Message) (*message, error) {
	out := &message{}
	switch m.Device.Kind {
	case bellhop.AddressToken:
		out.Token = m.Device.Value
	case bellhop.AddressFID:
		out.Fid = m.Device.Value
	default:
		return nil, &push.Error{Reason: push.ReasonRefused,
			Cause: fmt.Errorf("FCM takes addresses of kind token and fid, not %q", string(m.Device.Kind))}
	}
	tag := fitTag(m.Tag)
	ttl := lifetime(m.TTL)
	text, room := push.Text{Title: m.Title, Body: m.Body, Data: m.WithKeys()}, maxPayload-overhead-3*push.JSONLen(tag)
	switch {
	case m.Device.Form != bellhop.FormData:
		composeNotification(out, push.Shorten(text, room), tag, &m)
	case m.Device.Platform == bellhop.PlatformIOS:
		composeAlert(out, push.Shorten(text, room/2), tag, &m) // it is there twice
	default:
		composeData(out, push.Shorten(text, room), tag)
	}
	seconds := int64(ttl / time.Second)
	out.Android.TTL = strconv.FormatInt(seconds, 10) + "s"
	out.Apns.Headers["apns-expiration"] = strconv.FormatInt(expiration(s.options.Now(), seconds), 10)
	if tag != "" {
		out.Apns.Headers["apns-collapse-id"] = tag
	}
	if m.Level == push.Silent && out.Apns.Payload != nil {
		out.Apns.Headers["apns-priority"] = "5"
	}
	if m.Device.Platform == bellhop.PlatformWeb {
		out.Webpush = composeWeb(m.Device.Form, tag, seconds)
	}
	return out, nil
}

func composeNotification(out *message, t push.Text, tag string, m *push.Message) {
	out.Notification = &notification{Title: t.Title, Body: t.Body}
	out.Data = t.Data
	out.Android = &android{
		Priority:     "HIGH",
		Notification: &androidNotification{Tag: tag, Visibility: "PRIVATE", ChannelID: channel(m.Level)},
	}
	out.Apns = &apns{
		Headers: map[string]string{"apns-priority": "10", "apns-push-type": "alert"},
		Payload: payload(aps(m)),
	}
}

func composeData(out *message, t push.Text, tag string) {
	out.Data = make(map[string]string, len(t.Data)+3)
	maps.Copy(out.Data, t.Data)
	out.Data[KeyTitle], out.Data[KeyBody], out.Data[KeyTag] = t.Title, t.Body, tag
	out.Android = &android{Priority: "HIGH"}
	out.Apns = &apns{Headers: map[string]string{}}
}

// composeAlert is for an iPhone whose app shows its pushes itself.
func composeAlert(out *message, t push.Text, tag string, m *push.Message) {
	composeData(out, t, tag)
	type alert struct {
		Title string `json:"title"`
		Body  string `json:"body"`
	}
	shown := aps(m)
	shown["alert"], shown["mutable-content"] = alert{t.Title, t.Body}, 1
	out.Apns = &apns{
		Headers: map[string]string{"apns-priority": "10", "apns-push-type": "alert"},
		Payload: payload(shown),
	}
}

// composeWeb is for an FCM token of a browser, where the other two blocks do
// nothing.
func composeWeb(form bellhop.Form, tag string, seconds int64) *webpush {
	web := &webpush{Headers: map[string]string{
		"TTL":     strconv.FormatInt(seconds, 10),
		"Urgency": "high",
	}}
	if form != bellhop.FormData && tag != "" {
		quoted, _ := json.Marshal(tag) // a string always marshals
		web.Notification = json.RawMessage(`{"tag":` + string(quoted) + `}`)
	}
	return web
}

// lifetime is how long FCM keeps a message, in whole seconds. Less than none
// means now or never.
func lifetime(ttl time.Duration) time.Duration {
	ttl = min(max(cmp.Or(ttl, defaultTTL), 0), maxTTL)
	return (ttl + time.Second - 1).Truncate(time.Second)
}

// expiration is APNs' form: a time, or 0 for now or never.
func expiration(now time.Time, seconds int64) int64 {
	if seconds == 0 {
		return 0
	}
	return now.Unix() + seconds
}

// fitTag makes a tag fit for a header of at most 64 bytes. Equal tags stay
// equal and different ones different.
func fitTag(tag string) string {
	fits := len(tag) <= maxTag
	for i := 0; fits && i < len(tag); i++ {
		fits = tag[i] > ' ' && tag[i] < 0x7f
	}
	if fits {
		return tag
	}
	sum := sha256.Sum256([]byte(tag))
	return hex.EncodeToString(sum[:])
}
