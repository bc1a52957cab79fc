package webhook_test

import (
	"testing"

	"bellhop/web/site"
	"bellhop/web/webtest"
)

// rig is a server with two shops and their owners: see webtest.
type rig struct{ *webtest.Rig }

func newRig(t testing.TB, change ...func(*site.Options)) *rig { return &rig{webtest.New(t, change...)} }

type (
	acceptor = webtest.Acceptor
)

var (
	must       = webtest.Must
	withHeader = webtest.WithHeader
)
