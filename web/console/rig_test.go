package console_test

import (
	"testing"

	"bellhop/web/site"
	"bellhop/web/webtest"
)

// rig is a server with two shops and their owners: see webtest.
type rig struct{ *webtest.Rig }

func newRig(t testing.TB, change ...func(*site.Options)) *rig { return &rig{webtest.New(t, change...)} }

type reply = webtest.Reply

const (
	demo            = webtest.Demo
	other           = webtest.Other
	ownerSession    = webtest.OwnerSession
	otherSession    = webtest.OtherSession
	operatorSession = webtest.OperatorSession
	demoToken       = webtest.DemoToken
	password        = webtest.Password
)

var (
	day        = webtest.Day
	must       = webtest.Must
	withCookie = webtest.WithCookie
	withHeader = webtest.WithHeader
	usd        = webtest.USD
	strictPage = webtest.StrictPage
	orderID    = webtest.OrderID
)
