package web

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Grant is what a worker does about a wish.
func (m *SignInMails) Grant(ctx context.Context, email, network, languages string) error {
	return m.grant(ctx, mailWish{email, network, languages})
}

// Hurry has wrong codes answered at once.
func (a *Auth) Hurry() { a.codeStep = 0 }

// TestWrongCodesTakeWholeSteps hides what a try did before its answer.
func TestWrongCodesTakeWholeSteps(t *testing.T) {
	a := NewAuth(nil, nil, time.Now)
	for _, took := range []time.Duration{0, time.Millisecond, 249 * time.Millisecond, 251 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			time.Sleep(took) // in the bubble
			a.even(t.Context(), began)
			if all := time.Since(began); all%codeStep != 0 || all < took {
				t.Errorf("%v took %v", took, all)
			}
		})
	}
}
