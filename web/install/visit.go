package install

import (
	"context"
	"errors"
	"net/http"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify/admin"
	"bellhop/web"
)

// signIn lets Shopify say who somebody is. It does the same for a shop that is not here: nobody learns which are.
func (h *handler) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := h.take(r); err != nil {
		return err
	}
	shop, err := bellhop.ParseShopDomain(r.URL.Query().Get("shop"))
	if err != nil {
		return errOpen
	}
	return h.visit(r.Context(), w, r, shop)
}

func (h *handler) visit(ctx context.Context, w http.ResponseWriter, r *http.Request, shop string) error {
	address, err := h.beginVisit(ctx, w, shop)
	if err != nil {
		return err
	}
	return h.goTo(w, r, address)
}

// visitMark begins the state of a visit, so that the page about trouble offers to begin another.
const visitMark = "visit-"

// beginVisit is [handler.begin] where Shopify says who somebody is. It asks for the scopes that the owner agreed to:
// for others Shopify would ask again.
func (h *handler) beginVisit(ctx context.Context, w http.ResponseWriter, shop string) (address string, err error) {
	conn, err := h.connector.Store.Connection(ctx, shop)
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
		return "", err
	}
	scopes := conn.Scopes
	if len(scopes) == 0 {
		scopes = admin.WantedScopes
	}
	return h.connector.App.VisitURL(shop, h.connector.URL+CallbackPath, h.newState(w, shop, visitMark), scopes), nil
}

// receive signs in whom Shopify named. The owner of the shop's Shopify account whose address is somebody's here who
// does not belong to the shop gets an invitation, and accepts it as that person. One whose shop is not here may
// connect it.
func (h *handler) receive(ctx context.Context, w http.ResponseWriter, r *http.Request, shop string,
	visitor admin.User) error {
	p, err := h.connector.Visitor(ctx, shop, visitor)
	if errors.Is(err, connect.ErrStranger) && visitor.AccountOwner {
		if err = h.invite(ctx, w, r, shop, visitor.Email); bellhop.KindOf(err) == bellhop.NotFound {
			err = h.goTo(w, r, h.begin(w, shop))
		}
		return err
	}
	if err != nil {
		return err
	}
	in, err := h.Auth.SignInVisitor(ctx, p, h.Proxies.ClientOf(r))
	if err != nil {
		return err
	}
	h.Log.InfoContext(ctx, "signed in with Shopify", "shop", shop, "person", p.ID)
	http.SetCookie(w, web.SessionCookie(in.Secret, in.Session.ExpiresAt, h.states.secure))
	return h.goTo(w, r, shopPage(shop))
}
