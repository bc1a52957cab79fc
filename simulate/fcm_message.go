package simulate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FCM's limits of a message.
const (
	maxPayload      = 4096
	maxTopicPayload = 2048
	maxTTL          = 4 * 7 * 24 * time.Hour
	maxCollapseID   = 64
)

// reader reads a field's value, or says that it is of another type.
type reader func(path string, v any) (any, *fcmError)

// objectType has the fields of an object.
type objectType map[string]reader

// object is an object with these fields.
func (t objectType) object(path string, v any) (any, *fcmError) {
	if o, ok := v.(map[string]any); ok {
		return t.read(path, o)
	}
	return nil, badJSON(path, "Invalid value at '%s' (type.googleapis.com), \"%v\"", path, v)
}

func is[T any](path string, v any) (any, *fcmError) {
	if _, ok := v.(T); !ok {
		return nil, badJSON(path, "Invalid value at '%s', %v", path, v)
	}
	return v, nil
}

func isFree(_ string, v any) (any, *fcmError) { return v, nil }

func isText(path string, v any) (any, *fcmError) {
	if _, ok := v.(string); !ok {
		return nil, badJSON(path, "Invalid value at '%s' (TYPE_STRING), %v", path, v)
	}
	return v, nil
}

func isOneOf(values ...string) reader {
	return func(path string, v any) (any, *fcmError) {
		if s, ok := v.(string); ok && !slices.Contains(values, strings.ToUpper(s)) {
			return nil, badJSON(path, "Invalid value at '%s' (TYPE_ENUM), \"%s\"", path, s)
		}
		return isText(path, v)
	}
}

// requestType is the request as the service's discovery document describes it.
// Names are in lowerCamelCase; the server takes snake_case too.
var requestType = objectType{
	"validateOnly": is[bool],
	"message": objectType{
		"name": isText, "token": isText, "fid": isText, "topic": isText, "condition": isText,
		"data":         isTexts,
		"notification": objectType{"title": isText, "body": isText, "image": isText}.object,
		"android":      androidType.object,
		"apns": objectType{
			"headers": isTexts, "payload": isFree, "liveActivityToken": isText,
			"fcmOptions": objectType{"analyticsLabel": isText, "image": isText}.object,
		}.object,
		"webpush": objectType{
			"headers": isTexts, "data": isTexts, "notification": isFree,
			"fcmOptions": objectType{"analyticsLabel": isText, "link": isText}.object,
		}.object,
		"fcmOptions": objectType{"analyticsLabel": isText}.object,
	}.object,
}

var androidType = objectType{
	"collapseKey": isText, "priority": isOneOf("NORMAL", "HIGH"), "ttl": isDuration, "restrictedPackageName": isText,
	"data": isTexts, "directBootOk": is[bool], "bandwidthConstrainedOk": is[bool], "restrictedSatelliteOk": is[bool],
	"fcmOptions": objectType{"analyticsLabel": isText}.object,
	"notification": objectType{
		"title": isText, "body": isText, "icon": isText, "color": isText, "sound": isText, "tag": isText, "image": isText,
		"clickAction": isText, "bodyLocKey": isText, "bodyLocArgs": is[[]any], "titleLocKey": isText,
		"titleLocArgs": is[[]any], "channelId": isText, "ticker": isText, "sticky": is[bool], "eventTime": isText,
		"localOnly": is[bool], "notificationPriority": isOneOf("PRIORITY_UNSPECIFIED", "PRIORITY_MIN", "PRIORITY_LOW",
			"PRIORITY_DEFAULT", "PRIORITY_HIGH", "PRIORITY_MAX"),
		"defaultSound": is[bool], "defaultVibrateTimings": is[bool], "defaultLightSettings": is[bool],
		"vibrateTimings": is[[]any], "visibility": isOneOf("VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"),
		"notificationCount": is[float64], "lightSettings": isFree, "bypassProxyNotification": is[bool],
		"proxy": isOneOf("PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"),
	}.object,
}

// message is the part of a request that the twin uses.
type message struct {
	validateOnly bool
	target       string // token, fid, topic or condition
	to           string
	title, body  string
	data         map[string]string
	notification bool // the system shows it
	alert        bool // the same, said for Apple devices alone
	alertTitle   string
	alertBody    string
	ios          bool // it has a part for Apple devices and none for Android
	tag          string
	collapseID   string
	collapsible  bool
}

// parseMessage reads a request and refuses it where FCM does.
func parseMessage(raw []byte) (*message, *fcmError) {
	var in map[string]any
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, badJSON("", "Invalid JSON payload received. Unexpected token.")
	}
	req, e := requestType.read("", in)
	if e != nil {
		return nil, e
	}
	msg, _ := req["message"].(map[string]any)
	if msg == nil {
		return nil, badArgument("message", "The message is not set.")
	}
	m := &message{validateOnly: req["validateOnly"] == true}
	for _, check := range []func(map[string]any) *fcmError{m.readTarget, m.readContent, m.readTTL, m.readApple,
		m.checkSize} {
		if e := check(msg); e != nil {
			return nil, e
		}
	}
	return m, nil
}

// read renames all fields of o to lowerCamelCase and converts their values, or names a field that
// is unknown or of another type. It changes o, since another map for each object would double the
// cost of a message.
func (t objectType) read(path string, o map[string]any) (map[string]any, *fcmError) {
	renamed := map[string]any(nil)
	for k, v := range o {
		name := camel(k)
		of, ok := t[name]
		if !ok {
			return nil, unknownField(path, k)
		}
		if v == nil { // the same as absent
			delete(o, k)
			continue
		}
		read, e := of(strings.TrimPrefix(path+"."+k, "."), v)
		if e != nil {
			return nil, e
		}
		if name != k {
			delete(o, k)
			if renamed == nil {
				renamed = map[string]any{}
			}
			renamed[name] = read // not into o, where the loop may come upon it
			continue
		}
		o[k] = read
	}
	maps.Copy(o, renamed)
	return o, nil
}

func unknownField(path, name string) *fcmError {
	if path == "" {
		return badJSON("", "Invalid JSON payload received. Unknown name \"%s\": Cannot find field.", name)
	}
	return badJSON(path, "Invalid JSON payload received. Unknown name \"%s\" at '%s': Cannot find field.", name, path)
}

func isTexts(path string, v any) (any, *fcmError) {
	in, ok := v.(map[string]any)
	if !ok {
		return nil, badJSON(path, "Invalid value at '%s', %v", path, v)
	}
	out := make(map[string]string, len(in))
	for k, v := range in {
		s, ok := v.(string)
		if !ok {
			at := fmt.Sprintf("%s[%d].value", path, slices.Index(slices.Sorted(maps.Keys(in)), k))
			return nil, badJSON(at, "Invalid value at '%s' (TYPE_STRING), %v", at, v)
		}
		out[k] = s
	}
	return out, nil
}

// isDuration reads seconds with up to nine decimals, as in "3.5s".
func isDuration(path string, v any) (any, *fcmError) {
	s, _ := v.(string)
	number, ok := strings.CutSuffix(s, "s")
	seconds, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || strings.ContainsAny(number, "eExX_nN") {
		return nil, badJSON(path, "Invalid value at '%s' (type.googleapis.com/google.protobuf.Duration), Field '%s', "+
			"Illegal duration format; duration must end with 's'", path, path)
	}
	return seconds, nil
}

// camel turns snake_case into lowerCamelCase.
func camel(s string) string {
	head, rest, ok := strings.Cut(s, "_")
	if !ok {
		return s
	}
	for part := range strings.SplitSeq(rest, "_") {
		if part != "" {
			head += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return head
}

func object(o map[string]any, name string) map[string]any {
	sub, _ := o[name].(map[string]any)
	return sub
}

func textIn(o map[string]any, name string) string {
	s, _ := o[name].(string)
	return s
}

func texts(o map[string]any, name string) map[string]string {
	m, _ := o[name].(map[string]string)
	return m
}
