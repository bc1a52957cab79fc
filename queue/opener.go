package queue

import (
	"net/http"
	"time"

	"bellhop"
)

// Opener makes an event of a message that bellhop did not send: of its body, and of its headers or attributes, whose
// names are in the form of net/http. It needs no secret: what Shopify signed is [bellhop.Unchecked], and recording
// checks it. So every process can list, show and move such messages.
//
// sent is when the queue took the message, so that one without a time of its own is the same event at each look; zero
// where the queue doesn't say.
//
// Its errors are of the kind bellhop.Invalid, and the message becomes a dead letter. The event comes beside the error,
// as far as it can be read, if a shop is named; else it is nil, and the message is nobody's.
type Opener func(h http.Header, body []byte, sent time.Time) (*bellhop.Event, error)
