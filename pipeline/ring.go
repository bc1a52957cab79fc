package pipeline

import (
	"context"
	"time"

	"bellhop"
	"bellhop/i18n"
	"bellhop/push"
)

// ringTTL is how long the push service keeps a try for a device that is away:
// whoever tries it out is looking at it.
const ringTTL = 10 * time.Minute

// Ring makes one attempt to ring a device, to try it out. It is owed to nobody and
// written down nowhere, and replaces the try before in the device's drawer.
func (n *Notifier) Ring(ctx context.Context, d bellhop.Device, l *i18n.Locale) error {
	_, err := n.Sender.Send(ctx, push.Message{Device: d, Tag: "test", TTL: ringTTL,
		Title: l.T("push.testTitle"), Body: l.T("push.testBody", "Shop", d.Shop),
		Data: map[string]string{"kind": "test", "shop": d.Shop}})
	if err != nil {
		return push.AsError(err)
	}
	return nil
}
