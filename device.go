package bellhop

import "time"

// AddressKind is the kind of a device's address.
type AddressKind string

// The kinds of address.
const (
	AddressToken   AddressKind = "token"   // FCM registration token
	AddressFID     AddressKind = "fid"     // Firebase installation id
	AddressWebPush AddressKind = "webpush" // a browser's subscription
)

// Platform is the device's operating system.
type Platform string

// The platforms.
const (
	PlatformAndroid Platform = "android"
	PlatformIOS     Platform = "ios"
	PlatformWeb     Platform = "web"
)

// Form says who shows a push on the device.
type Form string

// The forms. FCM treats them differently: notification messages are always
// collapsible on Android, and throttled far sooner.
const (
	FormNotification Form = "notification" // the system shows it
	FormData         Form = "data"         // the app shows it
)

// Device is one installation of a shop's app, in which a person signed in. The phone of somebody
// with several shops is a device in each of them, with the same installation and address.
type Device struct {
	ID           int64
	Shop         string
	PersonID     int64  // 0 when it was added with an API token
	SessionID    int64  // whose app brought it last; 0 when that was no session
	Installation string // the app's own id of the installation; unique in a shop
	Name         string // what its owner calls it; "" for nothing
	Kind         AddressKind
	Value        string
	Platform     Platform
	Form         Form
	Locale       string // BCP 47
	Timezone     string // IANA
	AddedAt      time.Time
	SeenAt       time.Time // last refreshed by the app
	RetiredAt    time.Time // zero while it is in use
	RetiredFor   string    // why it was retired
}

// MaxDeviceName is the length of a device's name, in characters.
const MaxDeviceName = 80

// Budget is how many messages FCM takes for one device before it throttles: a
// token bucket.
type Budget struct {
	Burst  int           // messages at once
	Refill time.Duration // one more after each
}

// BudgetOf returns FCM's own limits for a device
// (https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas):
// collapsible messages in a burst of 20, then one in 3 minutes; others 240 a
// minute and 5,000 an hour. A burst of 160 and 80 a minute keep the second pair
// of limits in every minute (240) and in every hour (4,960).
func BudgetOf(f Form) Budget {
	if f == FormData {
		return Budget{Burst: 160, Refill: time.Minute / 80}
	}
	return Budget{Burst: 20, Refill: 3 * time.Minute}
}

// Share is the part of a phone's budget that one shop has, where so many of them push to it.
func (b Budget) Share(shops int) Budget {
	if shops > 1 {
		b.Burst, b.Refill = max(1, b.Burst/shops), b.Refill*time.Duration(shops)
	}
	return b
}
