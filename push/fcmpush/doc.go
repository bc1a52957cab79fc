// Package fcmpush sends pushes through Firebase Cloud Messaging, HTTP v1, with
// the client that Google generates from the API's description. One [Sender.Send]
// is one request: FCM's retry rules ask for ten seconds between attempts, so the
// caller retries.
//
// # What the phone gets
//
// A device of form notification gets a notification for the system to show, and the
// message's data. A device of form data gets only data. The driver adds three keys to
// it, and overwrites the message's own: [KeyTitle], [KeyBody] and [KeyTag]. On iOS such
// a device also gets an alert, which its app may change before iOS shows it
// (mutable-content). Without an alert it would be a background push: Apple delivers few
// of those, late, and none to an app that a person closed by hand.
//
// The tag is Android's notification tag and APNs' collapse id. The driver replaces a
// tag longer than 64 bytes, or not in plain ASCII, by its SHA-256 in hex.
//
// # What an answer means
//
// FCM's error code decides, or else the HTTP status:
//
//	UNREGISTERED                              unregistered
//	INVALID_ARGUMENT, about the address       bad_address
//	INVALID_ARGUMENT, 400, 413                refused
//	SENDER_ID_MISMATCH                        bad_address
//	QUOTA_EXCEEDED, 429                       quota
//	UNAVAILABLE, INTERNAL, 5xx, 3xx, 408      unavailable
//	THIRD_PARTY_AUTH_ERROR, 401, 403, 404     not_allowed
//	504, an answer that can't be read, none   unknown
//
// An INVALID_ARGUMENT is about the address if a field violation names it, or if
// the message is FCM's one sentence about a malformed token, which often comes
// without a field violation. A SENDER_ID_MISMATCH means that the token belongs to
// another Firebase project: the app registered it with the wrong one, and only the
// app can correct that. A 404 without an error code means that the project does not
// exist, and says nothing about the device.
//
// Unregistered and bad_address retire a device. A key of another project than the
// app's makes FCM answer both for every device. So they are unproven until FCM has
// taken a message with the credentials: the device stays, and the pipeline tries
// again. The process remembers the proof. After a restart, or if all devices are gone,
// the pushes of such devices fail after an hour; the first message that FCM takes for
// any device lets bellhop retire the others.
//
// A 401 for an access token that FCM has accepted before is unavailable: the
// sender drops the token, and the next attempt uses a new one.
//
// If certainly nothing was sent (no connection, no access token), the outcome is
// unavailable rather than unknown.
//
// # A new key
//
// The sender reads the service account again every five minutes, and when Google or FCM
// refuses the key. An attempt that was refused is made again with the new one. While the
// account can't be read, or is no whole key file, the last one stays in use.
package fcmpush
