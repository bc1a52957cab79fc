// Package fcmpush sends pushes through Firebase Cloud Messaging, HTTP v1, with
// the client that Google generates from the API's description. One [Sender.Send]
// is one request: FCM's retry rules ask for ten seconds between attempts, so
// that trying again is left to whoever calls.
//
// # What the phone gets
//
// A device of form notification gets a notification that the system shows, and
// beside it the message's data. A device of form data gets data only, with
// three keys that the driver adds, whatever the message holds under the same
// names: [KeyTitle], [KeyBody] and [KeyTag]. On iOS such a device gets an alert
// beside them that its app may change before it is shown (mutable-content): what has
// no alert is a background push there, and Apple promises to deliver few of those,
// late, and none to an app that was closed by hand.
//
// The tag is Android's notification tag and APNs' collapse id. One that is
// longer than 64 bytes or not plain ASCII is replaced by its SHA-256 in hex.
//
// # What an answer means
//
// FCM's own error code decides, and the HTTP status where there is none:
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
// the message is the one sentence that FCM has for a malformed token, since it
// often gives no field violation with it. A SENDER_ID_MISMATCH means that the
// token belongs to another Firebase project: the app registered it with the
// wrong one, and only the app can mend that. A 404 without an error code means
// that the project is not there, and says nothing of the device.
//
// Unregistered and bad_address retire a device. A key of another project than the
// app's makes FCM say both of every device, so that they are unproven until FCM has
// taken a message with the credentials: the device stays, and the message is tried
// again. That is remembered by the process. Where it begins anew, or each device
// is gone, the pushes of those devices fail after their hour, and the first message
// that FCM takes for any device lets the others be retired.
//
// A 401 for an access token that FCM has accepted before is unavailable: the
// token is dropped, and the next attempt goes out with a new one.
//
// Where it is certain that nothing was sent (no connection, no access token),
// the outcome is unavailable rather than unknown.
package fcmpush
