package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bellhop"
	"bellhop/push"
	"bellhop/wire"
)

// owing is the database's state of pushes.
type owing struct {
	read    bool
	waiting int64
	devices []bellhop.Device // some devices in use, the last seen first
}

// doctor tries at most devicesTried devices of the shopsTried latest shops.
const shopsTried, devicesTried = 20, 5

func readOwing(j *job, p *wire.Parts) (o owing, err error) {
	o.read = true
	counts, err := p.Store.PushCounts(j.ctx)
	if err != nil {
		return o, err
	}
	o.waiting = counts[bellhop.PushPending]
	shops, err := p.Store.Shops(j.ctx)
	if err != nil {
		return o, err
	}
	slices.SortFunc(shops, func(a, b bellhop.Shop) int { return b.LastEventAt.Compare(a.LastEventAt) })
	for _, s := range shops[:min(len(shops), shopsTried)] {
		devices, err := p.Store.Devices(j.ctx, s.Domain)
		if err != nil {
			return o, err
		}
		for _, d := range devices {
			if d.RetiredAt.IsZero() {
				o.devices = append(o.devices, d)
			}
		}
	}
	slices.SortFunc(o.devices, func(a, b bellhop.Device) int { return b.SeenAt.Compare(a.SeenAt) })
	return o, nil
}

// atFCM returns devices that FCM can check.
func (o owing) atFCM(s push.Sender) (devices []bellhop.Device) {
	for _, d := range o.devices {
		if len(devices) < devicesTried && strings.HasPrefix(s.Service(d), "fcm:") {
			devices = append(devices, d)
		}
	}
	return devices
}

func (c *doctorCmd) push(j *job, o owing) wire.Finding {
	ctx, cancel := context.WithTimeout(j.ctx, pushPatience)
	defer cancel()
	sender, err := c.OpenPush(ctx, j.options())
	if err != nil {
		return wire.Fail("push", oneLine(err), "correct the setting")
	}
	defer sender.Close()
	devices := o.atFCM(sender)
	err = sender.Check(ctx, devices...)
	switch {
	case err != nil:
		return pushFails(err, o.waiting)
	case c.Push == "log:":
		return wire.Warn("push", "bellhop only writes pushes to the log",
			"set BELLHOP_PUSH=fcm:/path/service-account.json for your app, or webpush:?subject=mailto:YOU for browsers")
	case len(devices) > 0:
		return wire.OK("push", "FCM would take a message to a device that is registered here")
	case strings.Contains(c.Push, "fcm:") && !o.read:
		return wire.OK("push", "FCM answers")
	case strings.Contains(c.Push, "fcm:"):
		return wire.OK("push", "FCM answers; no device is registered here to try a message with")
	}
	return wire.OK("push", "the keys can be read; browsers' services can't be asked without pushing")
}

func pushFails(err error, waiting int64) wire.Finding {
	const wait = "orders are recorded, and their pushes wait for a day; those that were tried for an hour failed: " +
		"bellhop push resend sends them again"
	found := oneLine(err)
	if waiting > 0 {
		found += fmt.Sprintf("; pushes that wait: %d", waiting)
	}
	if push.AsError(err).Reason.Retire() {
		return wire.Warn("push", found, "no recently seen device exists any more: open the app on one")
	}
	return wire.Fail("push", found, "fix that; meanwhile "+wait)
}
