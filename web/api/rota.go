package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// Rota is whom an order of a shop rings, in order, until somebody takes it.
type Rota struct {
	On           bool         `json:"on" doc:"The shop has a rota."`
	People       []RotaPerson `json:"people" nullable:"false" doc:"In the order in which they are rung."`
	AfterMinutes int          `json:"after_minutes" doc:"How long the next ring waits for somebody to take the order."`
	From         string       `json:"from" example:"100" doc:"The amount from which on orders ring; empty for all."`
	Holes        []RotaHole   `json:"holes" nullable:"false" doc:"Times of the day at which nobody of the list is on duty."`
}

// RotaPerson is somebody of a rota.
type RotaPerson struct {
	ID     string `json:"id"`
	Email  string `json:"email" example:"jo@example.com"`
	OnDuty bool   `json:"on_duty" doc:"Now is outside of their quiet hours."`
	Device bool   `json:"device" doc:"They have a device that can ring."`
}

// RotaHole is a time of the day at which nobody is on duty.
type RotaHole struct {
	From     string `json:"from" example:"02:00"`
	To       string `json:"to" example:"06:00" doc:"24:00 at the end of a whole day."`
	Timezone string `json:"timezone" example:"Asia/Seoul" doc:"The shop's, or UTC."`
}

func rotaShape(v *web.RotaView) Rota {
	r := Rota{People: []RotaPerson{}, Holes: []RotaHole{}, AfterMinutes: bellhop.RotaAfter}
	if v.Rota != nil {
		r.On, r.AfterMinutes, r.From = true, v.Rota.After, v.Rota.From
	}
	for _, p := range v.People {
		r.People = append(r.People, RotaPerson{web.ID(p.Person.ID), p.Person.Email, p.OnDuty, p.Device})
	}
	for _, h := range v.Holes {
		r.Holes = append(r.Holes, RotaHole{h.From, h.To, v.Timezone})
	}
	return r
}

type rotaBody struct{ Body Rota }

type putRota struct {
	ShopParam
	Body struct {
		People       []string `json:"people" minItems:"1" maxItems:"20" nullable:"false" example:"[\"jo@example.com\"]" doc:"E-mail addresses of people of the shop, the first to ring first."`
		AfterMinutes int      `json:"after_minutes,omitempty" minimum:"1" maximum:"1440" doc:"5 without it."`
		From         string   `json:"from,omitempty" maxLength:"40" example:"100"`
	}
}

func (a *API) registerRota() {
	register(a, "take-order", "POST /v1/orders/{id}/take", huma.Operation{
		Summary: "Take an order", DefaultStatus: http.StatusOK,
		Description: "For people of the shop: an API token or an operator gets 403 people_only. Nobody is rung any " +
			"more. By the same person again it changes nothing; an order that another has is 409 already_taken, and detail " +
			"says who. It also works without a rota.",
	}, about(a.takeOrder))
	register(a, "release-order", "POST /v1/orders/{id}/release", huma.Operation{
		Summary: "Release an order", DefaultStatus: http.StatusOK,
		Description: "For who took it, and for owners. With a rota it rings the next of the list on duty.",
	}, about(a.releaseOrder))
	register(a, "get-rota", "GET /v1/rota", huma.Operation{
		Summary: "Get the rota of a shop",
		Description: "Whom an order rings, in order, until somebody takes it, and at which times of the day nobody is " +
			"there to be rung.",
	}, about(a.getRota))
	register(a, "put-rota", "PUT /v1/rota", huma.Operation{
		Summary: "Set the rota of a shop", DefaultStatus: http.StatusOK,
		Description: "For its owners. A rota with holes is taken: the answer says which. Who doesn't belong to the " +
			"shop is 400 people.",
	}, managed(a.putRota))
	register(a, "delete-rota", "DELETE /v1/rota", huma.Operation{
		Summary: "Switch the rota of a shop off", DefaultStatus: http.StatusNoContent,
		Description: "For its owners. Orders ring nobody any more; everybody is told of new ones as they like.",
	}, managed(a.deleteRota))
}

func (a *API) takeOrder(ctx context.Context, who web.Principal, in *OrderParam) (*orderBody, error) {
	return a.take(ctx, who, in.ID, false)
}

func (a *API) releaseOrder(ctx context.Context, who web.Principal, in *OrderParam) (*orderBody, error) {
	return a.take(ctx, who, in.ID, true)
}

func (a *API) take(ctx context.Context, who web.Principal, order string, release bool) (*orderBody, error) {
	id, err := web.ParseID(order, "order")
	if err != nil {
		return nil, err
	}
	if who.Person.ID == 0 || who.Operator() {
		return nil, errNobodys
	}
	o, err := a.Store.Take(ctx, who.Shop, id, store.TakeChange{Person: who.Person.ID, Session: who.Session.ID(),
		Owner: who.Manages(), Release: release, At: a.Now()})
	if err != nil {
		return nil, err
	}
	a.reads.note(ctx, who, 1)
	return wholeOrder(seenBy(who, &o)), nil
}

func (a *API) getRota(ctx context.Context, who web.Principal, _ *ShopParam) (*rotaBody, error) {
	v, err := web.RotaOf(ctx, a.Store, who.Shop, a.Now())
	if err != nil {
		return nil, err
	}
	return &rotaBody{rotaShape(&v)}, nil
}

func (a *API) putRota(ctx context.Context, who web.Principal, in *putRota) (*rotaBody, error) {
	after := in.Body.AfterMinutes
	if after == 0 {
		after = bellhop.RotaAfter
	}
	if err := web.SetRota(ctx, a.Store, who.Shop, in.Body.People, after, in.Body.From); err != nil {
		return nil, ofField(err)
	}
	return a.getRota(ctx, who, nil)
}

func (a *API) deleteRota(ctx context.Context, who web.Principal, _ *ShopParam) (*struct{}, error) {
	return nil, web.RotaOff(ctx, a.Store, who.Shop)
}
