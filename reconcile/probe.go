package reconcile

// Point is a place in a step. Tests kill the process there.
type Point string

// The points, in their order.
const (
	PointListed  Point = "reconcile.listed"  // a page of heads is read
	PointFetched Point = "reconcile.fetched" // orders are fetched whole, nothing is sent
	PointSent    Point = "reconcile.sent"    // their events are durable, the state doesn't say so
	PointSaved   Point = "reconcile.saved"   // the state says how far the walk has come
	PointStated  Point = "reconcile.stated"  // a statement is made, the state doesn't say so
	PointEnded   Point = "reconcile.ended"   // the step is over, the lease is still held
)

// Points lists the points.
func Points() []Point {
	return []Point{PointListed, PointFetched, PointSent, PointSaved, PointStated, PointEnded}
}

// Probe is called at each [Point]. A nil Probe is not.
type Probe func(Point)

// At calls p, if there is one.
func (p Probe) At(point Point) {
	if p != nil {
		p(point)
	}
}
