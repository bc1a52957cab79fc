package web

import "bellhop/store"

// Store is what the API and the console need of the store.
type Store interface {
	store.Orders
	store.Deliveries
	store.Devices
	store.Shops
	store.People
	store.Sessions
	store.Tokens
	store.Ledger
	store.Statistics
	store.Stream
	store.AccessLog
}
