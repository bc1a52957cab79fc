package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/events"
	"bellhop/pipeline"
	"bellhop/store"
	"bellhop/web"
)

// PrivacyRequest is a request to give or forget personal data, with what was done for it. It names no customer.
type PrivacyRequest struct {
	ID          string          `json:"id" example:"12"`
	Shop        string          `json:"shop" example:"demo.myshopify.com"`
	Kind        string          `json:"kind" enum:"customers/data_request,customers/redact,shop/redact,erase" doc:"One of Shopify's topics; erase is an operator's."`
	By          string          `json:"by" doc:"The operator or token behind it; empty for Shopify."`
	RequestedAt time.Time       `json:"requested_at"`
	ReceivedAt  time.Time       `json:"received_at"`
	DueAt       time.Time       `json:"due_at"`
	Outcome     string          `json:"outcome" enum:",done,nothing_found,unknown_shop,installed_again" doc:"Empty while it is open."`
	DoneAt      *time.Time      `json:"done_at"`
	Process     string          `json:"process" doc:"The process that finished it."`
	Steps       []PrivacyStep   `json:"steps" nullable:"false"`
	Backups     []PrivacyBackup `json:"backups" nullable:"false" doc:"From before, which still hold the person."`
	ExportAt    *time.Time      `json:"export_at" doc:"When the export of a customers/data_request was ready; null without one."`
	ExportUntil *time.Time      `json:"export_until" doc:"When it goes."`
	FetchedAt   *time.Time      `json:"fetched_at" doc:"When an owner fetched it first."`
	FetchedBy   string          `json:"fetched_by" example:"jo@example.com"`
}

// PrivacyStep is what was done in one place.
type PrivacyStep struct {
	What string     `json:"what" example:"orders" doc:"orders, bodies, dead_letters, exports, queue, files, shop, …"`
	N    int        `json:"n" doc:"How many it were."`
	At   *time.Time `json:"at" doc:"null while it is under way."`
	Note string     `json:"note"`
}

// PrivacyBackup is a backup that was made before a request was done.
type PrivacyBackup struct {
	Name   string     `json:"name"`
	MadeAt time.Time  `json:"made_at"`
	Until  *time.Time `json:"until" doc:"When it runs out; null if nobody said so."`
}

func privacyShape(r *bellhop.PrivacyRequest) PrivacyRequest {
	s := PrivacyRequest{ID: web.ID(r.ID), Shop: r.Shop, Kind: string(r.Kind), By: r.By, RequestedAt: r.RequestedAt.UTC(),
		ReceivedAt: r.ReceivedAt.UTC(), DueAt: r.DueAt.UTC(), Outcome: string(r.Outcome), DoneAt: events.AtUTC(r.DoneAt),
		Process: r.Process, Steps: []PrivacyStep{}, Backups: []PrivacyBackup{}, ExportAt: events.AtUTC(r.ExportAt),
		ExportUntil: events.AtUTC(r.ExportUntil), FetchedAt: events.AtUTC(r.FetchedAt), FetchedBy: r.FetchedBy}
	for _, step := range r.Steps {
		s.Steps = append(s.Steps, PrivacyStep{step.What, step.N, events.AtUTC(step.At), step.Note})
	}
	for _, b := range r.Backups {
		s.Backups = append(s.Backups, PrivacyBackup{b.Name, b.MadeAt.UTC(), events.AtUTC(b.Until)})
	}
	return s
}

// PrivacyParam names a request.
type PrivacyParam struct {
	ShopParam
	ID string `path:"id" maxLength:"20"`
}

type listRequests struct {
	ShopParam
	PageParam
	Open bool `query:"open" doc:"Only requests that are not done."`
}

type requestPage struct{ Body PrivacyPage }

// PrivacyPage is a part of the list of requests, the newest first.
type PrivacyPage struct {
	Requests []PrivacyRequest `json:"requests" nullable:"false"`
	Next     string           `json:"next" doc:"The cursor of the next page; empty at the end."`
}

type requestBody struct{ Body PrivacyRequest }

type askedErase struct {
	Location string `header:"Location"`
	Body     PrivacyRequest
}

// Export is a customer's data, as it was written when the request was carried out.
type Export struct{ json.RawMessage }

// Schema says that it is an object.
func (Export) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

type exportBody struct{ Body Export }

func (a *API) registerPrivacy() {
	const owned = "For the shop's owners, and for operators, who have those of all shops without shop."
	register(a, "list-privacy-requests", "GET /v1/privacy/requests", huma.Operation{
		Summary: "List the requests for personal data", Description: owned}, overseen(a.listRequests))
	register(a, "get-privacy-request", "GET /v1/privacy/requests/{id}", huma.Operation{
		Summary: "Get a request for personal data", Description: owned}, overseen(a.getRequest))
	register(a, "get-privacy-export", "GET /v1/privacy/requests/{id}/export", huma.Operation{
		Summary: "Get all that is kept of a customer", Description: "For the shop's owners alone. The first time is noted " +
			"with the request, and each in the access log. The export is gone after 30 days."}, about(a.getExport))
	erase := forOperators("Delete all that is kept of a shop", "It begins within seconds and can't be taken back. "+
		"If a request to erase the shop is open, the answer is that one.")
	erase.DefaultStatus = http.StatusAccepted
	register(a, "erase-shop", "POST /v1/shops/{domain}/erase", erase, ofShop(a, a.eraseShop))
}

// overseen makes a call one for a shop's owners, and for operators, who may name no shop.
func overseen[I interface{ named() string }, O any](
	do func(context.Context, web.Principal, *I) (*O, error),
) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		who, err := callerOf(ctx).About((*in).named())
		if err != nil && !(who.Operator() && err == web.ErrShopRequired) {
			return nil, err
		}
		if !who.Manages() {
			return nil, web.ErrOwnersOnly
		}
		return do(ctx, who, in)
	}
}

func (a *API) listRequests(ctx context.Context, who web.Principal, in *listRequests) (*requestPage, error) {
	page, err := a.Store.Requests(ctx, store.RequestQuery{Limit: in.Limit, Cursor: in.Cursor, Shop: who.Shop,
		Open: in.Open})
	if err != nil {
		return nil, err
	}
	return &requestPage{PrivacyPage{web.Each(page.Requests, privacyShape), page.Next}}, nil
}

func (a *API) getRequest(ctx context.Context, who web.Principal, in *PrivacyParam) (*requestBody, error) {
	id, err := web.ParseID(in.ID, "privacy_request")
	if err != nil {
		return nil, err
	}
	r, err := a.Store.Request(ctx, who.Shop, id)
	if err != nil {
		return nil, err
	}
	return &requestBody{privacyShape(&r)}, nil
}

func (a *API) getExport(ctx context.Context, who web.Principal, in *PrivacyParam) (*exportBody, error) {
	id, err := web.ParseID(in.ID, "privacy_request")
	if err != nil {
		return nil, err
	}
	export, err := web.FetchExport(ctx, a.Store, who, id, a.Now())
	if err != nil {
		return nil, err
	}
	return &exportBody{Export{export}}, nil
}

func (a *API) eraseShop(ctx context.Context, s bellhop.Shop, _ *DomainParam) (*askedErase, error) {
	r, err := pipeline.AskToErase(ctx, a.Store, s.Domain, callerOf(ctx).Name(), a.Now())
	if err != nil {
		return nil, err
	}
	return &askedErase{Location: "/v1/privacy/requests/" + web.ID(r.ID),
		Body: privacyShape(&r)}, nil
}
