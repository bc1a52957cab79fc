// Package pipeline is the journey of an order in three steps, each of which knows
// nothing of the others:
//
//   - [Acceptor.Accept] checks who signed a webhook and makes it durable.
//   - [Recorder.Record] stores the orders in events, and the pushes owed for them.
//   - [Notifier.Notify] makes one attempt at an owed push and saves its outcome.
//
// Beside them, [EventBuilder.Build] makes the events for other services.
//
// Steps return errors and acknowledge nothing. A host runs them, decides when, how
// often and how many at once, and turns their errors into acknowledgements; see
// [bellhop/host].
package pipeline

// Point is a place in the journey. Tests kill the process there.
type Point string

// The points, in the order of the journey.
const (
	PointVerified Point = "accept.verified" // the signature is right, nothing is saved yet
	PointAccepted Point = "accept.durable"  // the event is durable, the answer isn't sent
	PointReceived Point = "record.received" // events are leased
	PointDecoded  Point = "record.decoded"  // facts are known, nothing is stored
	PointRecorded Point = "record.stored"   // orders are stored, the events aren't acknowledged
	PointSettled  Point = "record.settled"  // the events are acknowledged
	PointClaimed  Point = "notify.claimed"  // pushes are marked sending
	PointSent     Point = "notify.sent"     // FCM has answered, nothing is saved
	PointNotified Point = "notify.settled"  // the outcome is saved
)

// The points of publishing events to other services, which is no step of the journey.
const (
	PointPublished Point = "publish.confirmed" // events are published, nothing is saved
	PointAdvanced  Point = "publish.advanced"  // the relay has saved how far it has come
)

// Points lists the points of the journey.
func Points() []Point {
	return []Point{PointVerified, PointAccepted, PointReceived, PointDecoded, PointRecorded,
		PointSettled, PointClaimed, PointSent, PointNotified}
}

// Probe is called at each [Point]. A nil Probe is not.
type Probe func(Point)

// At calls p, if there is one.
func (p Probe) At(point Point) {
	if p != nil {
		p(point)
	}
}
