package sqlitestore

import (
	"strings"
	"time"

	"bellhop/internal/sqlitefile"
	"bellhop/store/rules"
)

// saveTold saves what events said of shops themselves.
func saveTold(c *sqlitefile.Conn, all []*rules.ShopTold) error {
	for _, t := range all {
		if err := saveInfo(c, t); err != nil {
			return err
		}
		if t.Scopes == nil && t.Gone == nil {
			continue
		}
		st := c.Prepare(`UPDATE connections SET check_due = ?, scopes = coalesce(?, scopes),
			uninstalled_at = coalesce(?, uninstalled_at) WHERE shop_id = ?`).Int(micros(t.At))
		var scopes string
		var gone time.Time
		if t.Scopes != nil {
			scopes = strings.Join(t.Scopes.Scopes, ",")
		}
		if t.Gone != nil {
			gone = t.Gone.At
		}
		if err := st.TextOrNull(scopes).Time(gone).Int(t.Row).Exec(); err != nil {
			return err
		}
	}
	return nil
}

func saveInfo(c *sqlitefile.Conn, t *rules.ShopTold) error {
	if t.Back {
		if err := c.Prepare(`UPDATE shops SET uninstalled_at = NULL WHERE id = ?`).Int(t.Row).Exec(); err != nil {
			return err
		}
	}
	if t.Info == nil {
		return nil
	}
	i := t.Info.Info
	return c.Prepare(`UPDATE shops SET name = ?, currency = ?, timezone = ?, plan = ?, email = ?, info_at = ? WHERE id = ?`).
		Text(i.Name).Text(i.Currency).Text(i.Timezone).Text(i.Plan).Text(i.Email).Time(t.Info.At).Int(t.Row).Exec()
}
