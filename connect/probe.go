package connect

// Point is a place in connecting or checking a shop. Tests kill the process there.
type Point string

// The points, in their order.
const (
	PointToken      Point = "connect.token"      // Shopify gave a token, nothing is stored
	PointProbed     Point = "connect.probed"     // the token serves, nothing is stored
	PointAdded      Point = "connect.added"      // the shop is there, its connection isn't
	PointStored     Point = "connect.stored"     // the connection is stored
	PointSubscribed Point = "connect.subscribed" // the subscriptions are made sure of
	PointOwner      Point = "connect.owner"      // the owner has an account, nobody knows of it

	PointRefreshed Point = "refresh.answered" // Shopify gave new tokens, the old ones are stored
	PointKept      Point = "refresh.stored"   // the new tokens are stored, none was used

	PointCreated Point = "check.created" // a missing subscription is there again
	PointLooked  Point = "check.looked"  // Shopify has answered all, nothing of it is stored
	PointSettled Point = "check.settled" // the result is stored
)

// Points lists the points.
func Points() []Point {
	return []Point{PointToken, PointProbed, PointAdded, PointStored, PointSubscribed, PointOwner, PointRefreshed,
		PointKept, PointCreated, PointLooked, PointSettled}
}

// Probe is called at each [Point]. A nil Probe is not.
type Probe func(Point)

// At calls p, if there is one.
func (p Probe) At(point Point) {
	if p != nil {
		p(point)
	}
}
