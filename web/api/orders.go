package api

import (
	"context"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/web"
)

type listOrders struct {
	ShopParam
	PageParam
	web.OrderFilter
	UpdatedSince string `query:"updated_since" maxLength:"40" example:"40213" doc:"The now of an earlier page, the id of an event of the stream, or a time such as 2026-11-22T09:00:00Z: what changed since, the oldest change first, with what was deleted. A time counts by bellhop's clock, and up to a minute of what was before may come, too. It stands alone, but for shop and limit."`
}

type orderPage struct{ Body OrderPage }

// OrderPage is a part of the list of orders.
type OrderPage struct {
	Orders  []Order     `json:"orders" nullable:"false"`
	Next    string      `json:"next" doc:"The cursor of the next page; empty at the end. With q or several filters a page ends where it has looked at 50,000 orders, and may be empty. With updated_since the updated_since of the next page."`
	Deleted []Tombstone `json:"deleted" nullable:"false" doc:"With updated_since: orders that were deleted; else empty."`
	Now     string      `json:"now,omitempty" example:"40213" doc:"On a first page, and with updated_since: how far it has what changed. Give it as updated_since next time, or as last_event_id to the stream."`
}

// OrderParam names an order.
type OrderParam struct {
	ShopParam
	ID string `path:"id" maxLength:"20" example:"820982911946154508"`
}

type patchOrder struct {
	OrderParam
	IfMatch string `header:"If-Match" maxLength:"4096" example:"\"q83vASNFZ4mrze8B\"" doc:"The ETag of the order that the client saw, or its version in quotes; several, separated by commas; or *. If the order itself is another now, it stays, and the answer is 412 changed_meanwhile with its ETag. Pushes don't count, which change by themselves."`
	Body    struct {
		Handling string `json:"handling" enum:"new,seen,handled"`
		Was      string `json:"was,omitempty" enum:"new,seen,handled" doc:"What it was when you last saw it. If somebody else has set it to something else since, it stays, and the answer is 409 changed_meanwhile."`
	}
}

type getOrder struct {
	OrderParam
	IfNoneMatch string `header:"If-None-Match" maxLength:"4096" doc:"ETags of the order that the client has: with one of it as it is now the answer is 304, without a body."`
}

type orderBody struct {
	ETag string `header:"ETag" doc:"Another one once anything in the answer is another."`
	Body WholeOrder
}

type patchOrders struct {
	ShopParam
	Body struct {
		Handling string        `json:"handling" enum:"new,seen,handled"`
		Orders   []HandledFrom `json:"orders" minItems:"1" maxItems:"200" nullable:"false"`
	}
}

// HandledFrom is one of several orders to set.
type HandledFrom struct {
	ID  string `json:"id" maxLength:"20" example:"820982911946154508"`
	Was string `json:"was,omitempty" enum:"new,seen,handled" doc:"As with a single order: what it was when you last saw it."`
}

type handledOrders struct{ Body HandledOrders }

// HandledOrders is what became of several orders.
type HandledOrders struct {
	Orders []Handled `json:"orders" nullable:"false" doc:"In the order of the request."`
}

// Handled is what became of one of several orders.
type Handled struct {
	ID       string `json:"id"`
	Handling string `json:"handling" enum:"new,seen,handled," doc:"What it is now; empty without such an order."`
	Code     string `json:"code,omitempty" enum:"changed_meanwhile,order_not_found" doc:"Missing if it was set: changed_meanwhile if somebody else had set it to something else, order_not_found if there is none."`
}

type countsBody struct{ Body Counts }

// Counts are for an app's badge.
type Counts struct {
	New      int  `json:"new" doc:"Orders that nobody has seen. Counting stops at 1000."`
	ToHandle int  `json:"to_handle" doc:"Orders that are new or seen: all that are not handled. Counting stops at 1000."`
	More     bool `json:"more" doc:"There are more than these."`
}

func (a *API) registerOrders() {
	register(a, "list-orders", "GET /v1/orders", huma.Operation{
		Summary: "List orders, newest first, or what changed since",
		Description: "Several filters narrow together. A list leaves out items, details, history and pushes. " +
			"With updated_since, an app that was off gets each order that changed once, as it is now, and deleted ones by " +
			"name. bellhop keeps the newest 100,000 changes of all shops together; before them it is 409 too_long_ago: load " +
			"all orders anew.",
	}, about(a.listOrders))
	register(a, "get-counts", "GET /v1/counts", huma.Operation{
		Summary:     "Count the orders that are new and those to handle",
		Description: "For an app's badge. For a person of several shops who names none, of all of them together.",
	}, ofPerson(a.getCounts))
	register(a, "patch-orders", "PATCH /v1/orders", huma.Operation{
		Summary: "Say how far you have got with several orders",
		Description: "Each is set by itself: one that somebody else changed meanwhile, or that is gone, keeps its code and " +
			"does not keep the others. It may be repeated.",
	}, about(a.patchOrders))
	register(a, "get-order", "GET /v1/orders/{id}", huma.Operation{
		Summary: "Get an order with its items, details, history and pushes",
		Description: "All that bellhop has of it. What the customer's data was taken away from says so in redacted_at. " +
			"With If-None-Match the answer is 304 while the client has it as it is.",
		Responses: map[string]*huma.Response{"304": {Description: "The client has it as it is now."}},
	}, about(a.getOrder))
	register(a, "patch-order", "PATCH /v1/orders/{id}", huma.Operation{
		Summary: "Say how far you have got with an order",
		Description: "Everybody of the shop sees it at once. With was or If-Match, nobody overwrites what somebody else " +
			"has said meanwhile: was looks at the handling, and a mere look changes nothing; If-Match also at what " +
			"Shopify said since. What is so already is 200, whoever did it.",
	}, about(a.patchOrder))
}

func (a *API) listOrders(ctx context.Context, who web.Principal, in *listOrders) (*orderPage, error) {
	if in.UpdatedSince != "" {
		return a.ordersSince(ctx, who, in)
	}
	now := ""
	if in.Cursor == "" { // before the list is read, so that nothing is missed
		last, err := a.Store.LastChange(ctx)
		if err != nil {
			return nil, err
		}
		now = strconv.FormatInt(last, 10)
	}
	page, err := a.Store.Orders(ctx, who.Shop, in.Query(in.Limit, in.Cursor))
	if err != nil {
		return nil, err
	}
	a.reads.note(ctx, who, len(page.Orders))
	shape := func(o *bellhop.Order) Order { return orderShape(seenBy(who, o)) }
	return &orderPage{OrderPage{web.Each(page.Orders, shape), page.Next, []Tombstone{}, now}}, nil
}

// seenBy is an order as the client may see it.
func seenBy(who web.Principal, o *bellhop.Order) *bellhop.Order {
	if who.Masks() {
		masked := web.MaskOrder(*o)
		return &masked
	}
	return o
}

func (a *API) getOrder(ctx context.Context, who web.Principal, in *getOrder) (*orderBody, error) {
	id, err := web.ParseID(in.ID, "order")
	if err != nil {
		return nil, err
	}
	o, err := a.Store.Order(ctx, who.Shop, id)
	if err != nil {
		return nil, err
	}
	out := wholeOrder(seenBy(who, &o))
	if hasTag(in.IfNoneMatch, out.ETag) {
		return nil, &unchangedError{out.ETag}
	}
	a.reads.note(ctx, who, 1)
	return out, nil
}

func (a *API) patchOrder(ctx context.Context, who web.Principal, in *patchOrder) (*orderBody, error) {
	id, err := web.ParseID(in.ID, "order")
	if err != nil {
		return nil, err
	}
	match, err := matching(who, in.IfMatch)
	if err != nil {
		return nil, err
	}
	was, to := bellhop.Handling(in.Body.Was), bellhop.Handling(in.Body.Handling)
	o, err := a.Store.SetHandling(ctx, who.Shop, id, was, to, a.Now(), match)
	if bellhop.CodeOf(err) == codeChanged {
		return nil, &changedError{err, o.Handling, wholeOrder(seenBy(who, &o)).ETag}
	}
	if err != nil {
		return nil, err
	}
	a.reads.note(ctx, who, 1)
	return wholeOrder(seenBy(who, &o)), nil
}

func (a *API) patchOrders(ctx context.Context, who web.Principal, in *patchOrders) (*handledOrders, error) {
	out := make([]Handled, len(in.Body.Orders))
	var all []web.HandlingChange
	var place []int // in out, of each of all
	for i, o := range in.Body.Orders {
		id, err := web.ParseID(o.ID, "order")
		if out[i] = (Handled{ID: o.ID, Code: bellhop.CodeOf(err)}); err == nil {
			all, place = append(all, web.HandlingChange{ID: id, Was: bellhop.Handling(o.Was),
				To: bellhop.Handling(in.Body.Handling)}), append(place, i)
		}
	}
	results, err := web.SetHandlings(ctx, a.Store, who.Shop, all, a.Now())
	for n, r := range results {
		o := &out[place[n]]
		o.Handling, o.Code = string(r.Order.Handling), bellhop.CodeOf(r.Err)
	}
	return &handledOrders{HandledOrders{out}}, err
}

// countMost is where counting stops.
const countMost = 1000

func (a *API) getCounts(ctx context.Context, who web.Principal, in *ShopParam) (*countsBody, error) {
	shops := []string{who.Shop}
	if in.Shop == "" && len(who.Shops()) > 1 {
		shops = web.Each(who.Shops(), func(m *bellhop.Membership) string { return m.Shop })
	}
	var c Counts
	for _, shop := range shops {
		n, err := a.Store.Unhandled(ctx, shop, countMost+1)
		if err != nil {
			return nil, err
		}
		c.New, c.ToHandle = c.New+n.New, c.ToHandle+n.New+n.Seen
	}
	c.More = c.ToHandle > countMost
	c.New, c.ToHandle = min(c.New, countMost), min(c.ToHandle, countMost)
	return &countsBody{c}, nil
}
