package postgres

// CheckServer refuses servers by their version.
var CheckServer = checkServer
