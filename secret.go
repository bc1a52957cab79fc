package bellhop

// Rotate gives a shop a new secret, and reports whether it is another one. The secret before stays valid
// until [Shop.FinishRotation], since Shopify takes up to an hour to sign with the new one.
func (s *Shop) Rotate(secret string) bool {
	if s.Secret == secret {
		return false
	}
	s.Secret, s.PreviousSecret = secret, s.Secret
	return true
}

// FinishRotation forgets the secret before.
func (s *Shop) FinishRotation() { s.PreviousSecret = "" }

// RefusesAll reports whether no signature can be right: the app's secret does not count, and there is
// no other.
func (s *Shop) RefusesAll() bool { return s.OwnSecretOnly && s.Secret == "" }
