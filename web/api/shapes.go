package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/events"
	"bellhop/web"
)

// Order is an order as in lists and in the stream: the shape that events have, too.
type Order struct {
	events.Order
	Version string `json:"version" example:"q83vASNFZ4mrze8B" doc:"Another one once the order itself is another: what Shopify says of it, or its handling. Give it in quotes as If-Match. The order's own pushes and the time of the first don't count."`
}

// WholeOrder is an order by itself.
type WholeOrder Order

// onlyWhole are the fields that only a whole order has.
var onlyWhole = []string{"items", "details", "history", "pushes", "steps"}

// TransformSchema lets presentment be null. The library has no tag for that.
func (Order) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	for _, name := range onlyWhole {
		delete(s.Properties, name)
	}
	return withPresentment(s)
}

// TransformSchema says what a whole order always has.
func (WholeOrder) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	for _, name := range onlyWhole {
		s.Properties[name].Description = ""
	}
	s.Required = append(s.Required, onlyWhole...)
	return withPresentment(s)
}

func withPresentment(s *huma.Schema) *huma.Schema {
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
	Value        string     `json:"value" doc:"Empty for another's device."`
	Platform     string     `json:"platform" enum:"android,ios,web"`
	Form         string     `json:"form" enum:"notification,data"`
	Locale       string     `json:"locale" example:"en-GB"`
	Timezone     string     `json:"timezone" example:"Europe/Berlin"`
	AddedAt      time.Time  `json:"added_at"`
	SeenAt       time.Time  `json:"seen_at"`
	Name         string     `json:"name" example:"Jo's phone" doc:"Empty if nobody named it."`
	Person       string     `json:"person" doc:"The id of whose it is, for the shop's owners and the person; empty if an API token added it."`
	RetiredAt    *time.Time `json:"retired_at" doc:"Since when it gets no pushes; null while it does."`
	RetiredFor   string     `json:"retired_for" example:"unregistered" doc:"Why."`
	LastTest     *LastTest  `json:"last_test,omitempty" doc:"In lists: the newest test push, if there is one."`
}

// LastTest is what became of a device's newest test push.
type LastTest struct {
	At         time.Time  `json:"at" doc:"When somebody asked for it."`
	Status     string     `json:"status" enum:"pending,sending,sent,unknown,failed,skipped"`
	Reason     string     `json:"reason"`
	ReceivedAt *time.Time `json:"received_at" doc:"The phone's own word."`
	OpenedAt   *time.Time `json:"opened_at"`
}

func lastTest(p *bellhop.Push) *LastTest {
	if p == nil {
		return nil
	}
	return &LastTest{p.CreatedAt.UTC(), string(p.Status), p.Reason, events.AtUTC(p.ReceivedAt),
		events.AtUTC(p.OpenedAt)}
}

func deviceShape(d *bellhop.Device) Device {
	return Device{
		ID: web.ID(d.ID), Installation: d.Installation, Kind: string(d.Kind), Value: d.Value,
		Platform: string(d.Platform), Form: string(d.Form), Locale: d.Locale, Timezone: d.Timezone,
		AddedAt: d.AddedAt.UTC(), SeenAt: d.SeenAt.UTC(), Name: d.Name, Person: personID(d.PersonID),
		RetiredAt: events.AtUTC(d.RetiredAt), RetiredFor: d.RetiredFor,
	}
}

func personID(id int64) string {
	if id == 0 {
		return ""
	}
	return web.ID(id)
}
