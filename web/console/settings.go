package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"bellhop"
	"bellhop/web"
)

// settingsView is the form of a person's settings.
type settingsView struct {
	*frame
	Settings bellhop.Settings
	Rate     string            // GatherAbove as it was typed
	Zones    []string          // to choose from; others are accepted
	Quiet    string            // on which clock the quiet hours are
	Password bool              // the reader has one
	Wrong    map[string]string // by field
}

// commonZones are offered; every name of the IANA database is taken.
var commonZones = []string{
	"Asia/Seoul", "Asia/Tokyo", "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Singapore", "Asia/Kolkata", "Asia/Dubai",
	"Australia/Sydney", "Pacific/Auckland", "Europe/London", "Europe/Paris", "Europe/Berlin", "Europe/Madrid",
	"Europe/Rome", "Europe/Warsaw", "Europe/Istanbul", "Africa/Johannesburg", "Africa/Lagos", "America/New_York",
	"America/Chicago", "America/Denver",
	"America/Los_Angeles", "America/Toronto", "America/Mexico_City", "America/Sao_Paulo", "UTC"}

func (c *Console) showSettings(v *visit) error {
	c.takeNotice(v)
	return c.settings(v, http.StatusOK, settingsOf(v))
}

// settingsOf is the form as it is saved.
func settingsOf(v *visit) *settingsView {
	view := &settingsView{Settings: v.Person.Settings}
	if n := view.Settings.GatherAbove; n > 0 {
		view.Rate = strconv.Itoa(n)
	}
	return view
}

func (c *Console) settings(v *visit, status int, view *settingsView) error {
	v.At, v.Shop = "settings", v.Person.Shop
	who, err := v.who.About(v.URL.Query().Get("shop"))
	if err == nil && !v.who.Operator() {
		v.who, v.Shop = who, who.Shop
	}
	if err := c.noteLost(v); err != nil {
		return err
	}
	if view.Quiet, err = c.quietClock(v); err != nil {
		return err
	}
	view.frame, view.Zones, view.Password = &v.frame, commonZones, v.Person.PasswordHash != ""
	return c.render(v.w, status, "settings", view)
}

// quietClock names the clock of the quiet hours: each device's own, unless the owner chose one.
func (c *Console) quietClock(v *visit) (string, error) {
	if v.Person.Role == bellhop.RoleOperator || v.Person.Settings.Timezone != "" {
		return v.T("settings.quietClock", "Zone", v.Person.Settings.Timezone), nil
	}
	devices, err := c.Store.Devices(v.Context(), v.Shop)
	if err != nil {
		return "", err
	}
	var zones []string
	for _, d := range devices {
		if d.PersonID == v.Person.ID && d.RetiredAt.IsZero() {
			zones = append(zones, v.Person.Settings.Zone(d.Timezone).String())
		}
	}
	slices.Sort(zones)
	zones = slices.Compact(zones)
	if len(zones) == 0 {
		return v.T("settings.quietClockOfDevice"), nil
	}
	return v.T("settings.quietClockOfDevices", "Zones", strings.Join(zones, ", ")), nil
}

// saveSettings saves the whole form, or nothing if a field is wrong.
func (c *Console) saveSettings(v *visit) error {
	_, err := web.ChangeSettings(v.Context(), c.Store, v.Person.ID, v.fillSettings)
	if bad, ok := errors.AsType[*bellhop.Error](err); ok && bad.Kind == bellhop.Invalid {
		view := &settingsView{Settings: v.Person.Settings, Rate: v.typed("gather_above"),
			Wrong: map[string]string{bad.Code: v.T("settings.wrong." + bad.Code)}}
		v.fillSettings(&view.Settings)
		return c.settings(v, http.StatusBadRequest, view)
	}
	if err != nil {
		return err
	}
	return v.back(c, &notice{Say: "settings.saved"})
}

// typed is a field of the form.
func (v *visit) typed(name string) string { return strings.TrimSpace(v.PostForm.Get(name)) }

// fillSettings reads the form. Operators, who get no pushes, have only its first part.
func (v *visit) fillSettings(s *bellhop.Settings) {
	on := func(name string) bool { return v.PostForm.Get(name) != "" }
	s.Language, s.Timezone = v.typed("language"), v.typed("timezone")
	if v.Person.Role == bellhop.RoleOperator {
		return
	}
	s.NotNew, s.Paid, s.Cancelled, s.Refunded = !on("new"), on("paid"), on("cancelled"), on("refunded")
	s.AtLeast, s.LoudFrom = v.typed("at_least"), v.typed("loud_from")
	s.QuietFrom, s.QuietTo = v.typed("quiet_from"), v.typed("quiet_to")
	s.GatherAbove = 0
	if rate := v.typed("gather_above"); rate != "" {
		n, err := strconv.Atoi(rate)
		if err != nil {
			n = -1 // which is refused
		}
		s.GatherAbove = n
	}
}
