package web

import (
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// DropDevice removes a device: a person's own in all of their shops; for a shop's owner, an operator or an API
// token, also another's in the shop.
func DropDevice(ctx context.Context, s store.Devices, who Principal, installation string) error {
	return onDevice(who,
		func() error { return s.RemovePhone(ctx, who.Person.ID, installation) },
		func() error { return s.RemoveDevice(ctx, who.Shop, installation) })
}

// RenameDevice names a device that [DropDevice] would remove.
func RenameDevice(ctx context.Context, s store.Devices, who Principal, installation, name string) error {
	return onDevice(who,
		func() error { return s.RenamePhone(ctx, who.Person.ID, installation, name) },
		func() error { return s.RenameDevice(ctx, who.Shop, installation, name) })
}

func onDevice(who Principal, phone, device func() error) error {
	if who.Person.ID != 0 {
		err := phone()
		if bellhop.KindOf(err) != bellhop.NotFound || who.Shop == "" || !who.Manages() {
			return err
		}
	}
	return device()
}

// HasDevice reports whether the client may name, test and remove a device of the shop: owners, operators and API
// tokens have all, others their own.
func (p Principal) HasDevice(d *bellhop.Device) bool {
	return p.Person.ID == 0 || p.Manages() || d.PersonID == p.Person.ID
}

// A device may get a few test pushes in a row, and then two a minute: they count against the
// push service's own limits. A shop may send a few more.
const (
	testBurst = 3
	testEvery = 30 * time.Second

	triesBurst = 20
	triesEvery = 6 * time.Second
)

// DeviceTests sends test pushes, for all folders of web within the same bounds.
type DeviceTests struct {
	store            store.Devices
	byDevice, byShop *Limits
}

func NewDeviceTests(s store.Devices) *DeviceTests {
	return &DeviceTests{s, NewLimits(testEvery, testBurst, LimitedKeys), NewLimits(triesEvery, triesBurst, LimitedKeys)}
}

// Test owes a device a test push, and returns it: perhaps one that is being sent already.
func (t *DeviceTests) Test(ctx context.Context, who Principal, installation string, now time.Time) (
	p bellhop.Push, err error) {
	wait := t.byDevice.Take(who.Shop+"/"+installation, now)
	if wait == 0 {
		wait = t.byShop.Take(who.Shop, now)
	}
	if wait > 0 {
		return p, &RetryError{bellhop.Errorf(bellhop.RateLimited, "rate_limited",
			"too many test pushes; try again in %s", wait.Round(time.Second)+time.Second), wait}
	}
	all, err := t.store.Devices(ctx, who.Shop)
	if err != nil {
		return p, err
	}
	i := slices.IndexFunc(all, func(d bellhop.Device) bool {
		return d.Installation == installation && d.RetiredAt.IsZero() && who.HasDevice(&d)
	})
	if i < 0 {
		return p, ErrNoDevice
	}
	if err := t.store.TestDevice(ctx, who.Shop, installation, now); err != nil {
		return p, err
	}
	tests, err := t.store.TestPushes(ctx, who.Shop)
	if test := TestOf(tests, all[i].ID); test != nil {
		p = *test
	}
	return p, err
}

// ErrNoDevice is the answer for a device that is not there, or not for the client.
var ErrNoDevice = bellhop.Errorf(bellhop.NotFound, "device_not_found", "there is no such device")

// TestOf finds a device's test push; nil for none.
func TestOf(tests []bellhop.Push, device int64) *bellhop.Push {
	i := slices.IndexFunc(tests, func(p bellhop.Push) bool { return p.DeviceID == device })
	if i < 0 {
		return nil
	}
	return &tests[i]
}
