package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"bellhop"
	"bellhop/i18n"
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
	view := v.settingsForm()
	known := slices.ContainsFunc(i18n.Languages(),
		func(l i18n.Language) bool { return l.Code == view.Settings.Language })
	if view.Settings.Language != "" && !known {
		view.Wrong["language"] = v.T("settings.wrong.language")
	}
	if bad, ok := errors.AsType[*bellhop.Error](view.Settings.Check()); ok {
		view.Wrong[bad.Code] = v.T("settings.wrong." + bad.Code)
	}
	if len(view.Wrong) > 0 {
		return c.settings(v, http.StatusBadRequest, view)
	}
	if err := c.Store.SetSettings(v.Context(), v.Person.ID, view.Settings); err != nil {
		return err
	}
	return v.back(c, &notice{Say: "settings.saved"})
}

// settingsForm reads the form. Operators, who get no pushes, have only its first part.
func (v *visit) settingsForm() *settingsView {
	text := func(name string) string { return strings.TrimSpace(v.PostForm.Get(name)) }
	on := func(name string) bool { return v.PostForm.Get(name) != "" }
	view := &settingsView{Settings: v.Person.Settings, Rate: text("gather_above"), Wrong: map[string]string{}}
	s := &view.Settings
	s.Language, s.Timezone = text("language"), text("timezone")
	if zone := bellhop.GuessTimezone(s.Timezone); zone != "" {
		s.Timezone = zone
	}
	if v.Person.Role == bellhop.RoleOperator {
		return view
	}
	s.NotNew, s.Paid, s.Cancelled, s.Refunded = !on("new"), on("paid"), on("cancelled"), on("refunded")
	s.AtLeast, s.LoudFrom = text("at_least"), text("loud_from")
	s.QuietFrom, s.QuietTo = text("quiet_from"), text("quiet_to")
	s.GatherAbove = 0
	if view.Rate != "" {
		n, err := strconv.Atoi(view.Rate)
		if err != nil {
			n = -1 // which is refused
		}
		s.GatherAbove = n
	}
	return view
}
