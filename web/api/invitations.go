package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/web"
)

// Invitation lets somebody join a shop.
type Invitation struct {
	Email     string    `json:"email" example:"kim@example.com"`
	Role      string    `json:"role" enum:"owner,staff"`
	InvitedBy string    `json:"invited_by" doc:"An e-mail address; empty for an operator."`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

func invitationShape(i *bellhop.Invitation) Invitation {
	return Invitation{i.Email, string(i.Role), i.InvitedBy, i.CreatedAt.UTC(), i.ExpiresAt.UTC()}
}

// NewInvitation is an invitation with its secret.
type NewInvitation struct {
	Invitation
	Secret string `json:"secret" example:"bh_i_…" doc:"Shown this once, and stored nowhere."`
	Path   string `json:"path" example:"/invitation?once=bh_i_…" doc:"The console's page that accepts it: pass its link on."`
}

type newInvitationBody struct{ Body NewInvitation }

type invitationList struct{ Body InvitationList }

// InvitationList is all invitations of a shop that hold.
type InvitationList struct {
	Invitations []Invitation `json:"invitations" nullable:"false"`
}

type postInvitation struct {
	ShopParam
	Body struct {
		Email string `json:"email" minLength:"1" maxLength:"254" example:"kim@example.com"`
		Role  string `json:"role" enum:"owner,staff"`
	}
}

type deleteInvitation struct {
	ShopParam
	Email string `query:"email" required:"true" maxLength:"320" example:"kim@example.com"`
}

// Secret is the secret of an invitation's link.
type Secret struct {
	Secret string `json:"secret" minLength:"1" maxLength:"320" example:"bh_i_…"`
}

type acceptInvitation struct{ Body Secret }

type signUp struct {
	Body struct {
		Secret
		Password string `json:"password" minLength:"8" maxLength:"1024"`
		Cookie   bool   `json:"cookie,omitempty" doc:"Also set a cookie, for a browser."`
	}
}

func (a *API) registerInvitations() {
	register(a, "list-invitations", "GET /v1/invitations", huma.Operation{
		Summary: "List the invitations to a shop", Description: "For its owners.",
	}, managed(a.listInvitations))
	register(a, "post-invitation", "POST /v1/invitations", huma.Operation{
		Summary: "Invite somebody to a shop", DefaultStatus: http.StatusCreated,
		Description: "For its owners. Pass the link on: it holds for seven days, once, for this address alone. A new " +
			"invitation of an address takes the place of the one before. The answer is the same whether or not the " +
			"address has an account.",
	}, managed(a.postInvitation))
	register(a, "delete-invitation", "DELETE /v1/invitations", huma.Operation{
		Summary: "Withdraw an invitation", Description: "For the shop's owners.", DefaultStatus: http.StatusNoContent,
	}, managed(a.deleteInvitation))
	register(a, "accept-invitation", "POST /v1/invitations/accept", huma.Operation{
		Summary:     "Accept an invitation, signed in",
		Description: "The invitation is for the address of the account: another's is 409 other_address.",
	}, a.acceptInvitation)
	register(a, "sign-up", "POST /v1/invitations/signup", huma.Operation{
		Summary: "Accept an invitation with a new account", DefaultStatus: http.StatusOK, Security: public,
		Description: "The account has the invitation's address. Somebody who has one already signs in and accepts: here " +
			"their invitation is 404 invitation_not_found, as one that ran out.",
	}, a.signUp)
}

func (a *API) listInvitations(ctx context.Context, who web.Principal, _ *ShopParam) (*invitationList, error) {
	all, err := a.Store.Invitations(ctx, who.Shop, a.Now())
	if err != nil {
		return nil, err
	}
	return &invitationList{InvitationList{web.Each(all, invitationShape)}}, nil
}

func (a *API) postInvitation(ctx context.Context, who web.Principal, in *postInvitation) (*newInvitationBody, error) {
	secret, i, err := a.Auth.Invite(ctx, who, in.Body.Email, bellhop.Role(in.Body.Role))
	if err != nil {
		return nil, err
	}
	return &newInvitationBody{NewInvitation{invitationShape(&i), secret, web.InvitationPath(secret)}}, nil
}

func (a *API) deleteInvitation(ctx context.Context, who web.Principal, in *deleteInvitation) (*struct{}, error) {
	return nil, a.Store.RemoveInvitation(ctx, who.Shop, in.Email)
}

func (a *API) acceptInvitation(ctx context.Context, in *acceptInvitation) (*meBody, error) {
	who := callerOf(ctx)
	var err error
	if who.Person, err = a.Auth.Accept(ctx, who.Principal, in.Body.Secret, who.client.Address); err != nil {
		return nil, err
	}
	return a.meOf(ctx, who.Principal)
}

func (a *API) signUp(ctx context.Context, in *signUp) (*session, error) {
	who := callerOf(ctx)
	s, err := a.Auth.SignUp(ctx, in.Body.Secret.Secret, in.Body.Password, "", who.client)
	if err != nil {
		return nil, err
	}
	return opened(s, in.Body.Cookie, who.https), nil
}
