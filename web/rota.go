package web

import (
	"context"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

// RotaStore keeps the rota of a shop, and its people.
type RotaStore interface {
	store.Shops
	store.People
	store.Devices
}

// RotaView is a shop's rota as people see it.
type RotaView struct {
	Rota     *bellhop.Rota // nil without one
	People   []OnRota      // those who still belong to the shop
	Holes    []bellhop.Hole
	Timezone string // of the holes: the shop's, or UTC
}

// OnRota is somebody of a rota.
type OnRota struct {
	Person bellhop.Person
	OnDuty bool
	Device bool // they have one in use, that can ring
}

// RotaOf returns a shop's rota, as of now.
func RotaOf(ctx context.Context, s RotaStore, shop string, now time.Time) (v RotaView, err error) {
	own, err := s.Shop(ctx, shop)
	if err != nil || own.Rota == nil {
		return v, err
	}
	v.Rota = own.Rota
	people, err := s.People(ctx, shop)
	if err != nil {
		return v, err
	}
	devices, err := s.Devices(ctx, shop)
	if err != nil {
		return v, err
	}
	zone := bellhop.Settings{Timezone: own.Timezone}.Zone()
	v.Timezone = zone.String()
	var duties []bellhop.Duty
	for _, id := range own.Rota.People {
		for _, p := range people {
			if p.ID == id {
				zone, device := newestZone(devices, id)
				d := bellhop.Duty{Settings: p.Settings, Timezone: zone}
				duties, v.People = append(duties, d), append(v.People, OnRota{p, d.On(now), device})
			}
		}
	}
	v.Holes = bellhop.Holes(duties, now, zone)
	return v, nil
}

// newestZone returns the time zone of the device of somebody's that was seen last, and whether they have any in use.
func newestZone(all []bellhop.Device, person int64) (zone string, any bool) {
	var seen time.Time
	for _, d := range all {
		if d.PersonID == person && d.RetiredAt.IsZero() && (!any || d.SeenAt.After(seen)) {
			zone, seen, any = d.Timezone, d.SeenAt, true
		}
	}
	return zone, any
}

// SetRota gives a shop a rota of its people, by their e-mail addresses.
func SetRota(ctx context.Context, s RotaStore, shop string, emails []string, after int, from string) error {
	people, err := s.People(ctx, shop)
	if err != nil {
		return err
	}
	r := &bellhop.Rota{After: after, From: from}
	for _, email := range emails {
		id := memberID(people, email)
		if id == 0 {
			return bellhop.Invalidf("people", "%s does not belong to the shop", bellhop.Clip(email, 80))
		}
		r.People = append(r.People, id)
	}
	if err := r.Check(); err != nil {
		return err
	}
	return s.UpdateShop(ctx, shop, func(own *bellhop.Shop) { own.Rota = r })
}

func memberID(people []bellhop.Person, email string) int64 {
	for _, p := range people {
		if strings.EqualFold(p.Email, email) {
			return p.ID
		}
	}
	return 0
}

// RotaOff takes a shop's rota away. What it rings ends with the next step.
func RotaOff(ctx context.Context, s store.Shops, shop string) error {
	return s.UpdateShop(ctx, shop, func(own *bellhop.Shop) { own.Rota = nil })
}
