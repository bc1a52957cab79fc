package site_test

import (
	"testing"

	"bellhop/web/site"
	"bellhop/web/webtest"
)

// rig is a server with two shops and their owners: see webtest.
type rig struct{ *webtest.Rig }

func newRig(t testing.TB, change ...func(*site.Options)) *rig { return &rig{webtest.New(t, change...)} }

type (
	reply        = webtest.Reply
	clock        = webtest.Clock
	lockedBuffer = webtest.LockedBuffer
	pipe         = webtest.Pipe
)

const (
	demo         = webtest.Demo
	ownerSession = webtest.OwnerSession
)

var (
	day        = webtest.Day
	must       = webtest.Must
	withHeader = webtest.WithHeader
)
