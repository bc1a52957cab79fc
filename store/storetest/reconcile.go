package storetest

import "bellhop"

// fullReconciliation has every field set.
func fullReconciliation(domain string) bellhop.Reconciliation {
	r := filled[bellhop.Reconciliation]()
	r.Shop = domain
	return r
}

// reconcile keeps how far a shop was compared.
func (f *fixture) reconcile(domain string, as bellhop.Reconciliation) {
	f.Helper()
	f.must(f.s.UpdateReconciliation(f.ctx, domain, func(r *bellhop.Reconciliation) error { *r = as; return nil }))
}
