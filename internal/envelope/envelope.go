// Package envelope writes an event without its body as a text that travels beside the body, for
// queues whose messages have headers or attributes.
package envelope

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"bellhop"
)

// Name is that of the header or the attribute.
const Name = "bellhop"

// An older program leaves messages of a later version to newer ones.
const (
	versionChecked   = 1
	versionUnchecked = 2 // of an event whose signature is still to be checked
)

type envelope struct {
	Version        int             `json:"v"`
	ID             bellhop.EventID `json:"id"`
	Shop           string          `json:"shop"`
	Topic          string          `json:"topic"`
	APIVersion     string          `json:"api_version,omitempty"`
	WebhookID      string          `json:"webhook_id,omitempty"`
	ShopifyEventID string          `json:"event_id,omitempty"`
	TriggeredAt    time.Time       `json:"triggered_at,omitzero"`
	AcceptedAt     time.Time       `json:"accepted_at,omitzero"`
	SignedBy       bellhop.Signer  `json:"signed_by,omitempty"`
	TraceParent    string          `json:"traceparent,omitempty"`
}

// Marshal writes an event, but for its body.
func Marshal(e *bellhop.Event) (string, error) {
	for _, text := range []string{e.Shop, e.Topic, e.APIVersion, e.WebhookID, e.ShopifyEventID, string(e.SignedBy),
		e.TraceParent} {
		if !utf8.ValidString(text) {
			return "", bellhop.Invalidf("event_text", "an event's shop, topic, version, ids, signer and trace must be UTF-8")
		}
	}
	version := versionChecked
	if _, unchecked := e.SignedBy.Unchecked(); unchecked {
		version = versionUnchecked
	}
	text, err := json.Marshal(envelope{version, e.ID, e.Shop, e.Topic, e.APIVersion, e.WebhookID, e.ShopifyEventID,
		e.TriggeredAt, e.AcceptedAt, e.SignedBy, e.TraceParent})
	if err != nil {
		return "", bellhop.Invalidf("event_time", "an event's times must be those of a calendar: %v", err)
	}
	return string(text), nil
}

// Unmarshal reads an event. there is false when the message has no such text. The error is of kind
// bellhop.Invalid if bellhop did not send the message, and another for one of a later version.
func Unmarshal(text string, there bool) (*bellhop.Event, error) {
	if !there {
		return nil, bellhop.Invalidf("foreign_message",
			"the message has no %s beside its body: bellhop did not send it", Name)
	}
	var d envelope
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return nil, bellhop.Invalidf("foreign_message", "the message's %s can't be read: bellhop did not send it", Name)
	}
	if d.Version > versionUnchecked {
		return nil, fmt.Errorf("the message is of version %d, this bellhop knows %d: bring it up to date", d.Version,
			versionUnchecked)
	}
	if d.Version < 1 || d.ID == (bellhop.EventID{}) || d.Shop == "" {
		return nil, bellhop.Invalidf("foreign_message",
			"the message's %s lacks a version, an id or a shop: bellhop did not send it", Name)
	}
	return &bellhop.Event{ID: d.ID, Shop: d.Shop, Topic: d.Topic, APIVersion: d.APIVersion, WebhookID: d.WebhookID,
		ShopifyEventID: d.ShopifyEventID, TriggeredAt: d.TriggeredAt, AcceptedAt: d.AcceptedAt, SignedBy: d.SignedBy,
		TraceParent: d.TraceParent}, nil
}
