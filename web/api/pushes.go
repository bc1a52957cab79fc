package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/events"
	"bellhop/store"
	"bellhop/web"
)

type listPushes struct {
	ShopParam
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"500" doc:"The next of the page before."`
	Order  string `query:"order" pattern:"^[0-9]{1,19}$" patternDescription:"an order's id" doc:"Only of this order."`
	Status string `query:"status" enum:"pending,sending,sent,unknown,failed,skipped"`
}

type pushPage struct{ Body PushPage }

// PushPage is a part of the delivery log.
type PushPage struct {
	Pushes []events.Push `json:"pushes" nullable:"false"`
	Next   string        `json:"next" doc:"The cursor of the next page; empty at the end."`
}

type receipt struct {
	ShopParam
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Event string `json:"event" enum:"received,opened"`
	}
}

func (a *API) registerPushes() {
	register(a, huma.Operation{
		OperationID: "list-pushes", Method: http.MethodGet, Path: "/v1/pushes", Tags: []string{"pushes"},
		Summary: "List pushes, newest first", Security: security,
		Description: "The delivery log: what was owed to which device, and what became of it.",
	}, a.listPushes)
	register(a, huma.Operation{
		OperationID: "post-receipt", Method: http.MethodPost, Path: "/v1/pushes/{id}/receipt", Tags: []string{"pushes"},
		Summary: "Say that the phone received or opened a push", DefaultStatus: http.StatusNoContent,
		Security:    security,
		Description: "The first word of each sort counts.",
	}, a.postReceipt)
}

func (a *API) listPushes(ctx context.Context, in *listPushes) (*pushPage, error) {
	who, err := callerOf(ctx).About(in.Shop)
	if err != nil {
		return nil, err
	}
	q := store.PushQuery{Limit: in.Limit, Cursor: in.Cursor, Status: bellhop.PushStatus(in.Status)}
	if in.Order != "" {
		if q.OrderID, err = strconv.ParseInt(in.Order, 10, 64); err != nil || q.OrderID == 0 {
			return nil, bellhop.Invalidf("order", "order is an order's id")
		}
	}
	page, err := a.Store.Pushes(ctx, who.Shop, q)
	if err != nil {
		return nil, err
	}
	out := &pushPage{Body: PushPage{Pushes: make([]events.Push, len(page.Pushes)), Next: page.Next}}
	for i := range page.Pushes {
		out.Body.Pushes[i] = events.PushOf(&page.Pushes[i])
	}
	return out, nil
}

func (a *API) postReceipt(ctx context.Context, in *receipt) (*struct{}, error) {
	who, err := callerOf(ctx).About(in.Shop)
	if err != nil {
		return nil, err
	}
	id, err := web.ParseID(in.ID, "push")
	if err != nil {
		return nil, err
	}
	return nil, a.Store.PushReceipt(ctx, who.Shop, id, in.Body.Event == "opened", a.Now())
}
