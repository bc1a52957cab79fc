package pgstore

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"bellhop/internal/postgres"
	"bellhop/store/rules"
)

var (
	// Another process may have recorded something newer meanwhile.
	updateInfo = `UPDATE shops s SET name = n.name, currency = n.currency, timezone = n.timezone, plan = n.plan,
		email = n.email, info_at = n.at FROM ` + postgres.Unnest("bigint text text text text text timestamptz") + `
		AS n(id, name, currency, timezone, plan, email, at) WHERE s.id = n.id AND (s.info_at IS NULL OR s.info_at < n.at)`
	updateBack = `UPDATE shops SET uninstalled_at = NULL WHERE id IN (SELECT * FROM ` + postgres.Unnest("bigint") + `)`
	// A connection that was made meanwhile is newer.
	updateConnections = `UPDATE connections c SET check_due = n.at, scopes = coalesce(n.scopes, c.scopes),
		uninstalled_at = coalesce(n.gone, c.uninstalled_at) FROM ` +
		postgres.Unnest("bigint timestamptz text timestamptz timestamptz") + `
		AS n(id, at, scopes, gone, said) WHERE c.shop_id = n.id AND c.connected_at <= n.said`
)

// saveTold queues what events said of shops themselves.
func (s recording) saveTold(q *postgres.Batch) {
	slices.SortFunc(s.Told, func(a, b *rules.ShopTold) int { return cmp.Compare(a.Row, b.Row) })
	var info, back, connections postgres.Rows
	for _, t := range s.Told {
		if t.Back {
			back.Next().Int(t.Row)
		}
		if n := t.Info; n != nil {
			i := n.Info
			info.Next().Int(t.Row).Text(i.Name).Text(i.Currency).Text(i.Timezone).Text(i.Plan).Text(i.Email).Always(n.At)
		}
		if t.Scopes == nil && t.Gone == nil {
			continue
		}
		var scopes string
		var gone, said time.Time
		if t.Scopes != nil {
			scopes, said = strings.Join(t.Scopes.Scopes, ","), t.Scopes.At
		}
		if t.Gone != nil {
			gone, said = t.Gone.At, t.Gone.At
		}
		connections.Next().Int(t.Row).Always(t.At).TextOrNull(scopes).Time(gone).Always(said)
	}
	exec(q, updateInfo, &info)
	exec(q, updateBack, &back)
	exec(q, updateConnections, &connections)
}
