package statement

import (
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop"
)

var columns = []string{"from", "to", "shopify", "here", "differed", "webhook", "backfill", "reconciled", "p50_us",
	"p99_us", "worst_us", "rung", "quiet", "lines", "number", "made_at", "checked_at", "hash", "key"}

// WriteCSV writes statements for spreadsheets, with a row for each.
func WriteCSV(w io.Writer, all []bellhop.Statement) error {
	to := csv.NewWriter(w)
	if err := to.Write(columns); err != nil {
		return err
	}
	for i := range all {
		if err := to.Write(cells(&all[i])); err != nil {
			return err
		}
	}
	to.Flush()
	return to.Error()
}

func cells(s *bellhop.Statement) []string {
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
	n := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []string{at(s.From), at(s.To), n(int64(s.Shopify)), n(int64(s.Here)), n(int64(s.Differed)), n(int64(s.Webhook)),
		n(int64(s.Backfill)), n(int64(s.Reconciled)), n(s.P50.Microseconds()), n(s.P99.Microseconds()),
		n(s.Worst.Microseconds()), n(int64(s.Rung)), Reasons(s.Quiet), n(int64(s.Lines)), n(s.Number), at(s.MadeAt),
		at(s.CheckedAt), s.Hash.String(), s.Key}
}

// Reasons are the reasons why nobody was rung, by their names: backfill 12, quiet_hours 3.
func Reasons(quiet map[string]int) string {
	var all []string
	for _, reason := range slices.Sorted(maps.Keys(quiet)) {
		all = append(all, reason+" "+strconv.Itoa(quiet[reason]))
	}
	return strings.Join(all, ", ")
}
