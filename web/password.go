package web

import "context"

// SetPassword changes the password of somebody signed in, and ends their sessions and links everywhere; it returns a
// new session, which refreshes if the one before did. Whoever has a password brings it: a session that was left open is
// no reason to lose the account.
func (a *Auth) SetPassword(ctx context.Context, who Principal, current, password string, from Client) (
	SignedIn, error) {
	network := Neighbourhood(from.Address)
	if wait := a.byKnown.Take(network+" "+who.Person.Email, a.now()); wait > 0 {
		return SignedIn{}, tooMany(wait)
	}
	p, err := a.store.PersonByEmail(ctx, who.Person.Email)
	if err != nil {
		return SignedIn{}, err
	}
	if p.PasswordHash != "" {
		right, err := verify(ctx, a.known, network, p.PasswordHash, current)
		if err != nil {
			return SignedIn{}, err
		}
		if !right {
			return SignedIn{}, ErrCredentials
		}
	}
	hash, err := a.hash(ctx, network, password)
	if err == nil {
		err = a.store.SetPassword(ctx, p.ID, hash)
	}
	if err != nil {
		return SignedIn{}, err
	}
	if who.Session.Refreshes() {
		return a.openRefreshing(ctx, p, from)
	}
	return a.open(ctx, p, from)
}
