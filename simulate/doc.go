// Package simulate holds twins of the services around bellhop, so that you can try everything
// without them.
//
// The Shopify twin ([Shopify], [Generate]) makes orders with their later changes, signs and
// delivers them as Shopify does, and keeps a [Ledger] of sent and acknowledged deliveries.
// [Ledger.Expect] returns the state that a database must end in.
//
// The FCM twin ([FCM]) is a server that checks, answers and fails as Firebase Cloud Messaging does.
// It models the budget and the drawer of each phone: the notifications that an owner would see.
//
// The SMTP twin ([SMTP]) takes mail, or fails at any step of a connection.
//
// The first two are seeded. With the same seed and clock the Shopify twin makes the same run, byte for byte.
package simulate
