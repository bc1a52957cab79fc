package store

import (
	"encoding/json"
	"fmt"

	"bellhop"
)

// WriteSettings returns a person's settings as drivers keep them.
func WriteSettings(s bellhop.Settings) string {
	if s == (bellhop.Settings{}) {
		return ""
	}
	b, _ := json.Marshal(s) // plain fields
	return string(b)
}

// ReadSettings returns what [WriteSettings] was given.
func ReadSettings(kept string) (s bellhop.Settings, err error) {
	if kept == "" {
		return s, nil
	}
	if err := json.Unmarshal([]byte(kept), &s); err != nil {
		return s, fmt.Errorf("read a person's settings: %w", err)
	}
	return s, nil
}

// Wants reports whether somebody is to be told of something about an order. Of a
// new order that they are not told of the log says why.
func Wants(s bellhop.Settings, kind bellhop.PushKind, total bellhop.Money) (wanted bool, why string) {
	switch {
	case !asked(s, kind):
		return false, ReasonNotWanted
	case below(s, total):
		return false, ReasonBelowAmount
	}
	return true, ""
}

// below reports whether an order is of less than somebody is to be told of. A refund
// doesn't state what its order comes to, so that it is asked again once it is due.
func below(s bellhop.Settings, total bellhop.Money) bool {
	return s.AtLeast != "" && total.Currency != "" && !total.AtLeast(s.AtLeast)
}

func asked(s bellhop.Settings, kind bellhop.PushKind) bool {
	switch kind {
	case bellhop.PushOrderNew:
		return !s.NotNew
	case bellhop.PushOrderPaid:
		return s.Paid
	case bellhop.PushOrderCancelled:
		return s.Cancelled
	case bellhop.PushOrderRefunded:
		return s.Refunded
	}
	return false
}
