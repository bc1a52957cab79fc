package lambdahost_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/store"
)

// TestAFunctionStartsWhileItsLoginIsRefused: a deployment may be changing it. Nothing but a
// change of the settings mends other wrong ones.
func TestAFunctionStartsWhileItsLoginIsRefused(t *testing.T) {
	refused := bellhop.Invalidf("login", "the database refuses the password")
	for cause, starts := range map[error]bool{refused: true, errAway: true, bellhop.Invalidf("url", "no URL"): false} {
		d := &lambdahost.Database{Log: slog.New(slog.DiscardHandler),
			Open:         func(context.Context) (store.Store, error) { return nil, cause },
			LoginRefused: func(err error) bool { return errors.Is(err, refused) }}
		if err := d.Check(t.Context()); (err == nil) != starts {
			t.Errorf("%v: %v", cause, err)
		}
		if _, err := d.Get(t.Context()); bellhop.KindOf(err) != bellhop.Unavailable {
			t.Errorf("%v: %v", cause, err)
		}
	}
}
