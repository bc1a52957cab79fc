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

// kind is the type of a field.
type kind uint8

const (
	isText kind = iota
	isBool
	isNumber
	isTexts // map of text to text
	isObject
	isList
	isFree // any JSON
	isDuration
)

// fieldType describes a field; enum and sub belong to texts and objects.
type fieldType struct {
	kind kind
	enum string
	sub  objectType
}

type objectType map[string]fieldType

// requestType is the request as the service's discovery document describes it.
// Names are in lowerCamelCase; the server takes snake_case too.
var requestType = objectType{
	"validateOnly": {kind: isBool},
	"message": {kind: isObject, sub: objectType{
		"name": {}, "token": {}, "fid": {}, "topic": {}, "condition": {},
		"data":         {kind: isTexts},
		"notification": {kind: isObject, sub: objectType{"title": {}, "body": {}, "image": {}}},
		"android":      {kind: isObject, sub: androidType},
		"apns": {kind: isObject, sub: objectType{
			"headers": {kind: isTexts}, "payload": {kind: isFree}, "liveActivityToken": {},
			"fcmOptions": {kind: isObject, sub: objectType{"analyticsLabel": {}, "image": {}}},
		}},
		"webpush": {kind: isObject, sub: objectType{
			"headers": {kind: isTexts}, "data": {kind: isTexts}, "notification": {kind: isFree},
			"fcmOptions": {kind: isObject, sub: objectType{"analyticsLabel": {}, "link": {}}},
		}},
		"fcmOptions": {kind: isObject, sub: objectType{"analyticsLabel": {}}},
	}},
}

var androidType = objectType{
	"collapseKey": {}, "priority": {enum: "NORMAL HIGH"}, "ttl": {kind: isDuration}, "restrictedPackageName": {},
	"data": {kind: isTexts}, "directBootOk": {kind: isBool}, "bandwidthConstrainedOk": {kind: isBool}, "restrictedSatelliteOk": {kind: isBool},
	"fcmOptions": {kind: isObject, sub: objectType{"analyticsLabel": {}}},
	"notification": {kind: isObject, sub: objectType{
		"title": {}, "body": {}, "icon": {}, "color": {}, "sound": {}, "tag": {}, "image": {}, "clickAction": {},
		"bodyLocKey": {}, "bodyLocArgs": {kind: isList}, "titleLocKey": {}, "titleLocArgs": {kind: isList},
		"channelId": {}, "ticker": {}, "sticky": {kind: isBool}, "eventTime": {}, "localOnly": {kind: isBool},
		"notificationPriority": {enum: "PRIORITY_UNSPECIFIED PRIORITY_MIN PRIORITY_LOW PRIORITY_DEFAULT PRIORITY_HIGH PRIORITY_MAX"},
		"defaultSound":         {kind: isBool}, "defaultVibrateTimings": {kind: isBool}, "defaultLightSettings": {kind: isBool},
		"vibrateTimings": {kind: isList}, "visibility": {enum: "VISIBILITY_UNSPECIFIED PRIVATE PUBLIC SECRET"},
		"notificationCount": {kind: isNumber}, "lightSettings": {kind: isFree}, "bypassProxyNotification": {kind: isBool},
		"proxy": {enum: "PROXY_UNSPECIFIED ALLOW DENY IF_PRIORITY_LOWERED"},
	}},
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
		ft, ok := t[name]
		if !ok {
			return nil, unknownField(path, k)
		}
		if v == nil { // the same as absent
			delete(o, k)
			continue
		}
		read, e := ft.read(strings.TrimPrefix(path+"."+k, "."), v)
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

func (ft fieldType) read(path string, v any) (any, *fcmError) {
	ok := true
	switch ft.kind {
	case isText:
		return ft.readText(path, v)
	case isObject:
		if o, isMap := v.(map[string]any); isMap {
			return ft.sub.read(path, o)
		}
		return nil, badJSON(path, "Invalid value at '%s' (type.googleapis.com), \"%v\"", path, v)
	case isTexts:
		return readTexts(path, v)
	case isDuration:
		return readDuration(path, v)
	case isBool:
		_, ok = v.(bool)
	case isNumber:
		_, ok = v.(float64)
	case isList:
		_, ok = v.([]any)
	}
	if !ok {
		return nil, badJSON(path, "Invalid value at '%s', %v", path, v)
	}
	return v, nil
}

func (ft fieldType) readText(path string, v any) (any, *fcmError) {
	s, ok := v.(string)
	switch {
	case !ok:
		return nil, badJSON(path, "Invalid value at '%s' (TYPE_STRING), %v", path, v)
	case ft.enum != "" && !slices.Contains(strings.Fields(ft.enum), strings.ToUpper(s)):
		return nil, badJSON(path, "Invalid value at '%s' (TYPE_ENUM), \"%s\"", path, s)
	}
	return s, nil
}

func readTexts(path string, v any) (any, *fcmError) {
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

// readDuration reads seconds with up to nine decimals, as in "3.5s".
func readDuration(path string, v any) (any, *fcmError) {
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
