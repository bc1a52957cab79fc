package web

import (
	"context"

	"bellhop"
	"bellhop/store"
)

// DropDevice removes a device: a person's own in all of their shops; for a shop's owner, an operator or an API
// token, also another's in the shop.
func DropDevice(ctx context.Context, s store.Devices, who Principal, installation string) error {
	if who.Person.ID != 0 {
		err := s.RemovePhone(ctx, who.Person.ID, installation)
		if bellhop.KindOf(err) != bellhop.NotFound || who.Shop == "" || !who.Manages() {
			return err
		}
	}
	return s.RemoveDevice(ctx, who.Shop, installation)
}
