// Package simulate holds the twins of the two services that bellhop stands
// between, so that everything can be tried without either.
//
// The Shopify twin ([Shopify], [Generate]) makes orders and what becomes of
// them, signs and delivers them as Shopify does, and keeps a [Ledger] of what
// it sent and what was acknowledged. [Ledger.Expect] says what a database must
// hold in the end.
//
// The FCM twin ([FCM]) is a server that checks what Firebase Cloud Messaging
// checks, answers and fails as it does, and models the budget and the drawer of
// each phone: what an owner would really see.
//
// Both are seeded. The Shopify twin makes the same run from the same seed and
// clock, byte for byte.
package simulate
