package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/web"
)

// Member is somebody who belongs to a shop.
type Member struct {
	ID      string    `json:"id"`
	Email   string    `json:"email" example:"jo@example.com"`
	Role    string    `json:"role" enum:"owner,staff" doc:"In this shop."`
	AddedAt time.Time `json:"added_at" doc:"When the account was made."`
}

func memberShape(p *bellhop.Person, shop string) Member {
	return Member{web.ID(p.ID), p.Email, string(p.RoleIn(shop)), p.AddedAt.UTC()}
}

type memberBody struct{ Body Member }

type memberList struct{ Body MemberList }

// MemberList is everybody who belongs to a shop.
type MemberList struct {
	People []Member `json:"people" nullable:"false"`
}

// MemberParam names somebody who belongs to a shop.
type MemberParam struct {
	ShopParam
	ID string `path:"id" maxLength:"20"`
}

type patchMember struct {
	MemberParam
	Body struct {
		Role string `json:"role" enum:"owner,staff"`
	}
}

func (a *API) registerMembers() {
	register(a, "list-members", "GET /v1/people", huma.Operation{
		Summary: "List who belongs to a shop", Description: "For its owners: staff get 403 owners_only.",
	}, managed(a.listMembers))
	register(a, "patch-member", "PATCH /v1/people/{id}", huma.Operation{
		Summary: "Change somebody's role in a shop",
		Description: "For its owners. A shop keeps one owner at least: the last one's role is 409 last_owner. " +
			"Staff handle orders and have devices; owners also invite, remove and set what is the shop's.",
	}, managed(a.patchMember))
	register(a, "delete-member", "DELETE /v1/people/{id}", huma.Operation{
		Summary: "Take a shop from somebody", DefaultStatus: http.StatusNoContent,
		Description: "For its owners. Their devices get no more pushes of the shop. An account without any other shop " +
			"goes, with its sessions. The last owner stays: 409 last_owner.",
	}, managed(a.deleteMember))
}

// managed makes a call one about a shop that only its owners and operators make.
func managed[I interface{ named() string }, O any](
	do func(context.Context, web.Principal, *I) (*O, error),
) func(context.Context, *I) (*O, error) {
	return about(func(ctx context.Context, who web.Principal, in *I) (*O, error) {
		if !who.Manages() {
			return nil, web.ErrOwnersOnly
		}
		return do(ctx, who, in)
	})
}

func (a *API) listMembers(ctx context.Context, who web.Principal, _ *ShopParam) (*memberList, error) {
	people, err := a.Store.People(ctx, who.Shop)
	if err != nil {
		return nil, err
	}
	shape := func(p *bellhop.Person) Member { return memberShape(p, who.Shop) }
	return &memberList{MemberList{web.Each(people, shape)}}, nil
}

// member returns somebody who belongs to a shop.
func (a *API) member(ctx context.Context, who web.Principal, id string) (int64, Member, error) {
	n, err := web.ParseID(id, "person")
	if err != nil {
		return 0, Member{}, err
	}
	all, err := a.listMembers(ctx, who, nil)
	if err != nil {
		return 0, Member{}, err
	}
	people := all.Body.People
	i := slices.IndexFunc(people, func(m Member) bool { return m.ID == web.ID(n) })
	if i < 0 {
		return 0, Member{}, bellhop.Errorf(bellhop.NotFound, "person_not_found", "there is no such person")
	}
	return n, people[i], nil
}

func (a *API) patchMember(ctx context.Context, who web.Principal, in *patchMember) (*memberBody, error) {
	id, m, err := a.member(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	to := bellhop.Membership{Shop: who.Shop, Role: bellhop.Role(in.Body.Role)}
	if err := a.Store.SetRole(ctx, id, to); err != nil {
		return nil, err
	}
	m.Role = in.Body.Role
	return &memberBody{m}, nil
}

func (a *API) deleteMember(ctx context.Context, who web.Principal, in *MemberParam) (*struct{}, error) {
	id, _, err := a.member(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	return nil, a.Store.RemoveMembership(ctx, id, who.Shop)
}
