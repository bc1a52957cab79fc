package web

import (
	"net/http"
	"slices"
	"strings"

	"bellhop"
	"bellhop/i18n"
)

// settingsView is the form of what somebody chooses.
type settingsView struct {
	frame
	Settings bellhop.Settings
	Zones    []string          // to choose from; others are accepted
	Wrong    map[string]string // by field
}

// commonZones are offered; every name of the IANA database is taken.
var commonZones = []string{"Asia/Seoul", "Asia/Tokyo", "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Singapore", "Asia/Kolkata", "Asia/Dubai",
	"Australia/Sydney", "Pacific/Auckland", "Europe/London", "Europe/Paris", "Europe/Berlin", "Europe/Madrid", "Europe/Rome",
	"Europe/Warsaw", "Europe/Istanbul", "Africa/Johannesburg", "Africa/Lagos", "America/New_York", "America/Chicago", "America/Denver",
	"America/Los_Angeles", "America/Toronto", "America/Mexico_City", "America/Sao_Paulo", "UTC"}

func (c *console) showSettings(v *visit) error {
	c.takeNotice(v)
	return c.settings(v, http.StatusOK, v.Person.Settings, nil)
}

func (c *console) settings(v *visit, status int, s bellhop.Settings, wrong map[string]string) error {
	v.At, v.Shop = "settings", v.Person.Shop
	return c.render(v.w, status, "settings", &settingsView{v.frame, s, commonZones, wrong})
}

// saveSettings keeps all of the form or, when something in it can't be, nothing.
func (c *console) saveSettings(v *visit) error {
	s := v.Person.Settings
	s.Language, s.Timezone = v.PostForm.Get("language"), strings.TrimSpace(v.PostForm.Get("timezone"))
	wrong := map[string]string{}
	known := slices.ContainsFunc(i18n.Languages(), func(l i18n.Language) bool { return l.Code == s.Language })
	if s.Language != "" && !known {
		wrong["language"] = v.T("settings.badLanguage")
	}
	if _, err := bellhop.ParseTimezone(s.Timezone); err != nil {
		wrong["timezone"] = v.T("settings.badTimezone")
	}
	if len(wrong) > 0 {
		return c.settings(v, http.StatusBadRequest, s, wrong)
	}
	if err := c.api.store.SetSettings(v.Context(), v.Person.ID, s); err != nil {
		return err
	}
	return v.back(c, &notice{Say: "settings.saved"})
}

// shopsView lists the shops that an operator chooses from.
type shopsView struct {
	frame
	Rows []shopRow
}

type shopRow struct {
	Domain, URL, Last string
	Disabled          bool
}

func (c *console) showShops(v *visit) error {
	if v.Person.Role != bellhop.RoleOperator {
		return errNoShop
	}
	v.At = "shops"
	shops, err := c.api.store.Shops(v.Context())
	if err != nil {
		return err
	}
	c.takeNotice(v)
	view := &shopsView{frame: v.frame}
	for _, s := range shops {
		row := shopRow{Domain: s.Domain, URL: withQuery("/", "shop", s.Domain), Disabled: s.Disabled, Last: v.T("shops.never")}
		if !s.LastEventAt.IsZero() {
			row.Last = v.T("shops.last", "When", v.Moment(s.LastEventAt))
		}
		view.Rows = append(view.Rows, row)
	}
	return c.show(v, "shops", view)
}
