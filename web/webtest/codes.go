package webtest

import (
	"slices"

	"bellhop/web"
)

// listed reports whether clients know a code by the document.
func listed(code string, status int) bool {
	for _, g := range web.Codes() {
		for _, c := range g.Codes {
			if c.Code == code && slices.Contains(c.Statuses, status) {
				return true
			}
		}
	}
	return false
}
