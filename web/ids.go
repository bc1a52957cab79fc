package web

import (
	"strconv"

	"bellhop"
)

// ID writes an id for the API and the pages: as a string, since some pass 2^53.
func ID(n int64) string { return strconv.FormatInt(n, 10) }

// ParseID reads an id out of a path. Anything but a positive number is not found.
func ParseID(s, what string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || s[0] == '+' {
		return 0, bellhop.Errorf(bellhop.NotFound, what+"_not_found", "there is no such %s", what)
	}
	return n, nil
}
