// Package bellhop holds the types that all other packages share: an
// [Event] as it was accepted, the [Fact] it turned out to state, the [Order] it
// changed, the [Push] that is owed for it, and the people and devices it is
// for. It does nothing by itself and imports only the standard library.
package bellhop
