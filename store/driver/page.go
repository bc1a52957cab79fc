package driver

import (
	"cmp"
	"encoding/base64"
	"strconv"
	"strings"

	"bellhop"
)

// Limits of a page.
const (
	defaultLimit = 50
	maxLimit     = 200
)

// Page returns the limit of a page for which a caller gave n, and reads its cursor into at.
func Page(n int, cursor string, at ...*int64) (limit int, err error) {
	if n < 0 || n > maxLimit {
		return 0, bellhop.Invalidf("limit", "limit is %d: give 1 to %d", n, maxLimit)
	}
	return cmp.Or(n, defaultLimit), ParseCursor(cursor, at...)
}

// Cut returns a page of up to limit rows, and the cursor of its last row if there are more.
func Cut[T any](found []T, limit int, cursor func(*T) string) (page []T, next string) {
	if len(found) <= limit {
		return found, ""
	}
	return found[:limit], cursor(&found[limit-1])
}

// OrderCursor is the cursor of a page of orders that ends with o.
func OrderCursor(o *bellhop.Order) string { return Cursor(o.PlacedAt.UnixMicro(), o.ID) }

// CheckLimit refuses a limit below 1, where there is no page.
func CheckLimit(n int) error {
	if n < 1 {
		return bellhop.Invalidf("limit", "limit is %d: give 1 or more", n)
	}
	return nil
}

// Cursor packs the place where a page ended, in a form that invites nobody to make one up.
func Cursor(at ...int64) string {
	var b []byte
	for i, v := range at {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendInt(b, v, 36)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor reads the result of [Cursor] into at. Without a cursor it leaves at as it is.
func ParseCursor(s string, at ...*int64) error {
	if s == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.Split(string(b), ".")
	if err != nil || len(parts) != len(at) {
		return badCursor()
	}
	for i, p := range parts {
		if *at[i], err = strconv.ParseInt(p, 36, 64); err != nil {
			return badCursor()
		}
	}
	return nil
}

func badCursor() error {
	return bellhop.Invalidf("cursor",
		"the cursor is damaged: use the one from the previous page, or none to start over")
}
