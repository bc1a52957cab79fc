package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/events"
	"bellhop/web"
)

// Order is the shape of an order that events have, too.
type Order events.Order

// TransformSchema lets presentment be null. The library has no tag for that.
func (Order) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	amount := *s.Properties["presentment"]
	s.Properties["presentment"] = &huma.Schema{
		Description: amount.Description,
		AnyOf:       []*huma.Schema{{Ref: amount.Ref}, {Type: "null"}},
	}
	return s
}

// Device is one installation of the shop's app.
type Device struct {
	ID           string     `json:"id"`
	Installation string     `json:"installation"`
	Kind         string     `json:"kind" enum:"token,fid,webpush"`
	Value        string     `json:"value"`
	Platform     string     `json:"platform" enum:"android,ios,web"`
	Form         string     `json:"form" enum:"notification,data"`
	Locale       string     `json:"locale" example:"en-GB"`
	Timezone     string     `json:"timezone" example:"Europe/Berlin"`
	AddedAt      *time.Time `json:"added_at"`
	SeenAt       *time.Time `json:"seen_at"`
}

func deviceShape(d *bellhop.Device) Device {
	return Device{
		ID: web.ID(d.ID), Installation: d.Installation, Kind: string(d.Kind), Value: d.Value,
		Platform: string(d.Platform), Form: string(d.Form), Locale: d.Locale, Timezone: d.Timezone,
		AddedAt: events.AtUTC(d.AddedAt), SeenAt: events.AtUTC(d.SeenAt),
	}
}
