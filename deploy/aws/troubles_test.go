package aws_test

import (
	"strings"
	"testing"
	"time"

	"bellhop/simulate"
)

// TestJourney carries orders through the functions and the state machine as they
// are deployed, with repeats, updates and poison among them, while the
// processes of all functions fail again and again, where it hurts: a webhook is durable and
// not answered, an order is stored and not published, a push was sent and not recorded.
func TestJourney(t *testing.T) {
	t.Parallel()
	crashes := troubles{
		faults: "503=2%",
		traps: map[string]string{"Accept": "accept.durable 8 kill", "Record": "record.stored 5 kill",
			"Notify": "notify.sent 3 panic",
			"Sweep":  "notify.claimed 5 kill", "Start": "now and then"},
	}
	timeouts := troubles{
		timeout: 2 * time.Second,
		traps: map[string]string{"Accept": "accept.durable 8 hang", "Record": "record.decoded 5 hang",
			"Notify": "notify.sent 3 hang",
			"Sweep":  "notify.claimed 5 hang"},
	}
	for _, test := range []struct {
		name, mode string
		meets      troubles
	}{
		{"Express, crashes", "express", crashes},
		{"Express, timeouts", "express", timeouts},
		{"Standard, crashes", "standard", crashes},
	} {
		t.Run(strings.NewReplacer(" ", "-", ",", "").Replace(test.name), func(t *testing.T) {
			t.Parallel()
			j := startJourney(t, test.mode, test.meets)
			j.compare(j.carry(simulate.ShopifyOptions{Orders: 25, Rate: 60, Seed: 7,
				Duplicates: 0.1, Shuffle: 0.1, Window: 20, Updates: 0.3, Poison: 0.05}))
			for _, name := range []string{"Accept", "Record", "Notify"} {
				if f := j.made[name]; f.Starts() <= f.Concurrency {
					t.Errorf("%s was started %d times: too few have failed", name, f.Starts())
				}
			}
		})
	}
}
