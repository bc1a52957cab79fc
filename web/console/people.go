package console

import (
	"errors"
	"net/http"
	"strconv"

	"bellhop"
	"bellhop/web"
)

// peopleView is who belongs to a shop, who is invited, and what its owners set.
type peopleView struct {
	*frame
	People         []memberRow
	Invited        []invitedRow
	Email          string // as it was typed
	Wrong          string // what is wrong with it
	Link           string // of the invitation that was just made
	CustomerInPush bool
}

type memberRow struct {
	ID                 int64
	Email, Role, Label string
	Other              string // the role that they could have
	Added              string
	You                bool
}

type invitedRow struct{ Email, Label, Until string }

func (c *Console) showPeople(v *visit) error { return c.people(v, http.StatusOK, &peopleView{}) }

func (c *Console) people(v *visit, status int, view *peopleView) error {
	c.takeNotice(v)
	v.At, view.frame = "settings", &v.frame
	v.Self = v.Path("/people") // of a form, too
	people, err := c.Store.People(v.Context(), v.Shop)
	if err != nil {
		return err
	}
	for _, p := range people {
		view.People = append(view.People, v.memberRow(p))
	}
	invited, err := c.Store.Invitations(v.Context(), v.Shop, c.Now())
	if err != nil {
		return err
	}
	for _, i := range invited {
		view.Invited = append(view.Invited, invitedRow{i.Email, v.T("people.role." + string(i.Role)), v.Moment(i.ExpiresAt)})
	}
	shop, err := c.Store.Shop(v.Context(), v.Shop)
	if err != nil {
		return err
	}
	view.CustomerInPush = shop.CustomerInPush
	return c.render(v.w, status, "people", view)
}

func (v *visit) memberRow(p bellhop.Person) memberRow {
	role, other := p.RoleIn(v.Shop), bellhop.RoleOwner
	if role == bellhop.RoleOwner {
		other = bellhop.RoleStaff
	}
	return memberRow{ID: p.ID, Email: p.Email, Role: string(role), Label: v.T("people.role." + string(role)),
		Other: string(other), Added: v.Moment(p.AddedAt), You: p.ID == v.Person.ID}
}

// invite shows the invitation's link, once: bellhop keeps only its hash.
func (c *Console) invite(v *visit) error {
	view := &peopleView{Email: v.PostForm.Get("email")}
	secret, _, err := c.Auth.Invite(v.Context(), v.who, view.Email, bellhop.Role(v.PostForm.Get("role")))
	if err != nil {
		problem := c.Problems.Of(v.Context(), "invite", err)
		if view.Wrong = v.peopleTrouble(err); view.Wrong == "" {
			return err
		}
		return c.people(v, problem.Status, view)
	}
	view.Link = c.base(v.Request) + web.InvitationPath(secret)
	return c.people(v, http.StatusOK, view)
}

// base is where people reach the console. A request's host, which a client may choose, counts only where nobody
// said it.
func (c *Console) base(r *http.Request) string {
	switch {
	case c.URL != "":
		return c.URL
	case c.Proxies.HTTPS(r):
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// peopleTrouble says what is wrong with a change of a shop's people; "" for what the owner can't mend.
func (f *frame) peopleTrouble(err error) string {
	e, _ := errors.AsType[*bellhop.Error](err)
	switch {
	case e == nil:
	case e.Code == "email":
		return f.T("people.wrongEmail")
	case e.Code == "last_owner":
		return f.T("people.lastOwner")
	case e.Kind == bellhop.Conflict:
		return f.T("people.tooMany")
	case e.Kind == bellhop.RateLimited:
		return f.T("people.tooOften")
	}
	return ""
}

func (c *Console) withdraw(v *visit) error {
	email := v.PostForm.Get("email")
	err := c.Store.RemoveInvitation(v.Context(), v.Shop, email)
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
		return err
	}
	return v.back(c, &notice{Say: "people.withdrawn", Person: email})
}

// member finds the person of the shop that a form names.
func (c *Console) member(v *visit) (p bellhop.Person, err error) {
	id, err := strconv.ParseInt(v.PostForm.Get("person"), 10, 64)
	if err != nil {
		return p, bellhop.Invalidf("person", "a person's id is a number")
	}
	people, err := c.Store.People(v.Context(), v.Shop)
	for _, p := range people {
		if p.ID == id {
			return p, err
		}
	}
	if err == nil {
		err = bellhop.Errorf(bellhop.NotFound, "person_not_found", "there is no such person")
	}
	return p, err
}

func (c *Console) setRole(v *visit) error {
	p, err := c.member(v)
	if err == nil {
		m := bellhop.Membership{Shop: v.Shop, Role: bellhop.Role(v.PostForm.Get("role"))}
		err = c.Store.SetRole(v.Context(), p.ID, m)
	}
	return c.changed(v, err, &notice{Say: "people.roleSet", Person: p.Email})
}

func (c *Console) removePerson(v *visit) error {
	p, err := c.member(v)
	if err == nil {
		err = c.Store.RemoveMembership(v.Context(), p.ID, v.Shop)
	}
	return c.changed(v, err, &notice{Say: "people.removed", Person: p.Email})
}

// changed goes back to the page, which says what was done, or why not.
func (c *Console) changed(v *visit, err error, n *notice) error {
	if bellhop.CodeOf(err) == "last_owner" {
		return v.back(c, &notice{Say: "people.lastOwner", Bad: true})
	}
	if err != nil {
		return err
	}
	return v.back(c, n)
}

func (c *Console) setShop(v *visit) error {
	err := c.Store.UpdateShop(v.Context(), v.Shop, func(s *bellhop.Shop) {
		s.CustomerInPush = v.PostForm.Get("customer_in_push") != ""
	})
	return c.changed(v, err, &notice{Say: "settings.saved"})
}
