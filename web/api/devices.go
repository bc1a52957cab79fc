package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/events"
	"bellhop/i18n"
	"bellhop/store"
	"bellhop/web"
)

// DeviceParam names a device.
type DeviceParam struct {
	ShopParam
	Installation string `path:"installation" minLength:"1" maxLength:"128" pattern:"^[A-Za-z0-9._-]+$" patternDescription:"letters, digits, dots, hyphens and underscores" doc:"The app's own id of the installation."`
}

type putDevice struct {
	DeviceParam
	Body struct {
		Kind     string  `json:"kind" enum:"token,fid,webpush" doc:"What the value is: an FCM registration token, a Firebase installation id, or a browser's subscription."`
		Value    string  `json:"value" minLength:"1" maxLength:"4096"`
		Platform string  `json:"platform" enum:"android,ios,web"`
		Form     string  `json:"form,omitempty" enum:"notification,data" default:"notification" doc:"Who shows a push. data: the app, which FCM brings 160 at once and then 80 a minute; right for Android. notification: the system, which on Android gets 20 at once and then one in 3 minutes, the rest as one."`
		Locale   *string `json:"locale,omitempty" example:"en-GB" doc:"As the phone gives it. What can't be understood is left out."`
		Name     *string `json:"name,omitempty" minLength:"1" maxLength:"80" example:"Jo's phone" doc:"What its person calls it; without one it keeps the name that it has."`
		Timezone *string `json:"timezone,omitempty" example:"Europe/Berlin" doc:"As the phone gives it: an IANA name, an offset such as GMT+09:00, or an abbreviation. What can't be understood is left out."`
	}
}

// devicesOfPerson is how many devices of one person are in use at once.
const devicesOfPerson = 20

type deviceBody struct{ Body Device }

type deviceList struct{ Body DeviceList }

// DeviceList is devices of a shop, or somebody's own.
type DeviceList struct {
	Devices []Device `json:"devices" nullable:"false" doc:"In the order in which they were added."`
}

type patchDevice struct {
	DeviceParam
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"80" example:"Jo's phone"`
	}
}

type pushBody struct{ Body events.Push }

func (a *API) registerDevices() {
	register(a, "put-device", "PUT /v1/devices/{installation}", huma.Operation{
		Summary: "Add or refresh a device",
		Description: "Call it when the app starts and when its address changes. " +
			"A person's device is one of all their shops. A value that belonged to another device moves here. " +
			"Beyond 20 devices of a person, or a shop's limit, the one that was not seen the longest is retired.",
	}, ofPerson(a.putDevice))
	register(a, "list-devices", "GET /v1/devices", huma.Operation{
		Summary: "List devices, with those that were retired",
		Description: "A shop's, for its owners and API tokens; your own, for staff and for a person of several shops who " +
			"names none.",
	}, ofPerson(a.listDevices))
	register(a, "patch-device", "PATCH /v1/devices/{installation}", huma.Operation{
		Summary:     "Name a device",
		Description: "A person's own in all their shops. A shop's owner can name anybody's in the shop.",
	}, ofPerson(a.patchDevice))
	register(a, "test-device", "POST /v1/devices/{installation}/test", huma.Operation{
		Summary: "Send a test push to a device", DefaultStatus: http.StatusAccepted,
		Description: "It comes whatever settings and quiet hours say, and if it can't be sent within ten minutes it is " +
			"skipped. GET /v1/devices has what became of it. A device gets three in a row and then two a minute, a shop " +
			"twenty and ten a minute, together with those of the console: else 429.",
	}, ofPerson(a.testDevice))
	register(a, "delete-device", "DELETE /v1/devices/{installation}", huma.Operation{
		Summary: "Remove a device", DefaultStatus: http.StatusNoContent,
		Description: "A person's own goes from all their shops. A shop's owner can remove anybody's from the shop.",
	}, ofPerson(a.deleteDevice))
}

// ofPerson is about for a call that a person of several shops makes for all of them, without naming one.
func ofPerson[I interface{ named() string }, O any](
	do func(context.Context, web.Principal, *I) (*O, error),
) func(context.Context, *I) (*O, error) {
	aboutShop := about(do)
	return func(ctx context.Context, in *I) (*O, error) {
		if who := callerOf(ctx); (*in).named() == "" && len(who.Shops()) > 1 {
			who.Shop = who.Person.Shop
			return do(ctx, who.Principal, in)
		}
		return aboutShop(ctx, in)
	}
}

func (a *API) putDevice(ctx context.Context, who web.Principal, in *putDevice) (*deviceBody, error) {
	if who.Person.Role == bellhop.RoleOperator {
		return nil, bellhop.Errorf(bellhop.Forbidden, "members_only", "pushes go to people of the shop, not to operators")
	}
	now := a.Now()
	d := bellhop.Device{
		Shop: who.Shop, PersonID: who.Person.ID, Installation: in.Installation,
		Kind: bellhop.AddressKind(in.Body.Kind), Value: in.Body.Value,
		Platform: bellhop.Platform(in.Body.Platform), Form: bellhop.Form(in.Body.Form),
		AddedAt: now, SeenAt: now,
	}
	if who.Credential.Session {
		d.SessionID = who.Session.ID()
	}
	if s := in.Body.Locale; s != nil {
		d.Locale = i18n.GuessTag(*s)
	}
	if s := in.Body.Timezone; s != nil {
		d.Timezone = bellhop.GuessTimezone(*s)
	}
	if s := in.Body.Name; s != nil {
		d.Name = *s
	}
	if d.Kind == bellhop.AddressWebPush && d.Platform != bellhop.PlatformWeb {
		return nil, bellhop.Invalidf("device", "a webpush address belongs to the platform web")
	}
	d, err := a.Store.PutDevice(ctx, d, store.DeviceLimits{Person: devicesOfPerson, Shop: a.MaxDevices})
	if err != nil {
		return nil, err
	}
	return &deviceBody{deviceShape(&d)}, nil
}

func (a *API) deleteDevice(ctx context.Context, who web.Principal, in *DeviceParam) (*struct{}, error) {
	return nil, web.DropDevice(ctx, a.Store, who, in.Installation)
}

func (a *API) listDevices(ctx context.Context, who web.Principal, in *ShopParam) (*deviceList, error) {
	all, err := a.devicesOf(ctx, who, in.Shop)
	return &deviceList{DeviceList{all}}, err
}

// devicesOf lists the devices that the client has: in a shop, or their own without its name.
func (a *API) devicesOf(ctx context.Context, who web.Principal, named string) ([]Device, error) {
	var all []bellhop.Device
	var err error
	if named == "" && len(who.Shops()) > 1 {
		all, err = a.phones(ctx, who)
	} else {
		all, err = a.Store.Devices(ctx, who.Shop)
	}
	if err != nil {
		return nil, err
	}
	tests, err := a.Store.TestPushes(ctx, who.Shop)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(d bellhop.Device) bool { return !who.HasDevice(&d) })
	return web.Each(all, func(d *bellhop.Device) Device {
		shape := deviceShape(d)
		if who.Operator() || d.PersonID != who.Person.ID {
			shape.Value = ""
		}
		shape.LastTest = lastTest(web.TestOf(tests, d.ID))
		return shape
	}), nil
}

// phones lists a person's devices once each: as they are in the shop where tests go to, or else in another.
func (a *API) phones(ctx context.Context, who web.Principal) ([]bellhop.Device, error) {
	all, err := a.Store.Phones(ctx, who.Person.ID)
	slices.SortStableFunc(all, func(x, y bellhop.Device) int {
		return cmp.Or(strings.Compare(x.Installation, y.Installation), elsewhere(x, who.Shop)-elsewhere(y, who.Shop))
	})
	all = slices.CompactFunc(all, func(x, y bellhop.Device) bool { return x.Installation == y.Installation })
	slices.SortFunc(all, func(x, y bellhop.Device) int { return cmp.Compare(x.ID, y.ID) })
	return all, err
}

func elsewhere(d bellhop.Device, shop string) int {
	if d.Shop == shop {
		return 0
	}
	return 1
}

func (a *API) patchDevice(ctx context.Context, who web.Principal, in *patchDevice) (*deviceBody, error) {
	if err := web.RenameDevice(ctx, a.Store, who, in.Installation, in.Body.Name); err != nil {
		return nil, ofField(err)
	}
	all, err := a.devicesOf(ctx, who, in.Shop)
	for _, d := range all {
		if d.Installation == in.Installation {
			return &deviceBody{d}, nil
		}
	}
	return nil, cmp.Or(err, error(web.ErrNoDevice)) // somebody removed it meanwhile
}

func (a *API) testDevice(ctx context.Context, who web.Principal, in *DeviceParam) (*pushBody, error) {
	p, err := a.Tests.Test(ctx, who, in.Installation, a.Now())
	return &pushBody{events.PushOf(&p)}, err
}
