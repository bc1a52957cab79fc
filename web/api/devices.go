package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
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
		Timezone *string `json:"timezone,omitempty" example:"Europe/Berlin" doc:"As the phone gives it: an IANA name, an offset such as GMT+09:00, or an abbreviation. What can't be understood is left out."`
	}
}

// devicesOfPerson is how many devices of one person are in use at once.
const devicesOfPerson = 20

type deviceBody struct{ Body Device }

func (a *API) registerDevices() {
	register(a, "put-device", "PUT /v1/devices/{installation}", huma.Operation{
		Summary: "Add or refresh a device",
		Description: "Call it when the app starts and when its address changes. " +
			"A person's device is one of all their shops. A value that belonged to another device moves here. " +
			"Beyond 20 devices of a person, or a shop's limit, the one that was not seen the longest is retired.",
	}, ofPerson(a.putDevice))
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
	if s := in.Body.Locale; s != nil {
		d.Locale = i18n.GuessTag(*s)
	}
	if s := in.Body.Timezone; s != nil {
		d.Timezone = bellhop.GuessTimezone(*s)
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
