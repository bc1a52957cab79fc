package postgres

// CheckServer refuses servers by what they say they are.
var CheckServer = checkServer
