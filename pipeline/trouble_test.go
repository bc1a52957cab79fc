package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/pipeline"
)

// logged keeps the log, line by line and without the time.
func logged() (*slog.Logger, func() []string) {
	var b bytes.Buffer
	h := slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return slog.New(h), func() (lines []string) {
		for l := range strings.Lines(b.String()) {
			lines = append(lines, strings.TrimSpace(l))
		}
		b.Reset()
		return lines
	}
}

func sameLines(t *testing.T, when string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s the log says\n%s\nwant\n%s", when, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTroubleIsToldWhenItBeginsLastsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := logged()
		trouble := pipeline.NewTrouble(log, slog.LevelWarn, "it is away", "it is back")
		trouble.Over()
		sameLines(t, "while all is well", lines())
		for range 75 {
			trouble.Note(errors.New("refused"))
			time.Sleep(999 * time.Millisecond) // never at the same moment as the line of each minute
		}
		sameLines(t, "after 75 s", lines(),
			`level=WARN msg="it is away" err=refused`,
			`level=WARN msg="it is away" err=refused times=60 in=1m0s`)
		trouble.Note(nil)
		trouble.Note(nil)
		sameLines(t, "once it is back", lines(), `level=INFO msg="it is back" after=1m14.925s times=75`)
		time.Sleep(time.Hour)
		sameLines(t, "an hour later", lines())
		trouble.Note(errors.New("reset"))
		sameLines(t, "when it goes away again", lines(), `level=WARN msg="it is away" err=reset`)
	})
}

// Trouble that comes and goes many times a second, as with a service that refuses
// each tenth request, is logged at most once a minute.
func TestTroubleThatComesAndGoesIsNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := logged()
		trouble := pipeline.NewTrouble(log, slog.LevelWarn, "away", "back")
		for range 2000 {
			trouble.Happened("n", 1)
			trouble.Over()
			time.Sleep(99 * time.Millisecond)
		}
		synctest.Wait()
		sameLines(t, "after three minutes", lines(),
			`level=WARN msg=away n=1`,
			`level=INFO msg=back after=0s times=1`,
			`level=WARN msg=away n=1 times=606 in=1m0s`,
			`level=WARN msg=away n=1 times=606 in=1m0s`,
			`level=WARN msg=away n=1 times=606 in=1m0s`)
	})
}

func TestRefusalsNameOnlyShopsThatWereAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := logged()
		keys := pipeline.NewKeyring(&shops{list: []bellhop.Shop{{Domain: "demo.myshopify.com"}}}, "secret", "")
		if err := keys.Refresh(context.Background()); err != nil {
			t.Fatal(err)
		}
		r := pipeline.NewRefusals(keys, log, time.Now)
		wrong := errors.New("wrong")
		r.Refused("Demo.myshopify.com", "unauthenticated", false, wrong)
		r.Refused("stranger.myshopify.com", "unauthenticated", false, wrong)
		r.Refused("\nx", "invalid", false, wrong)
		r.Refused("demo.myshopify.com", "unavailable", true, nil)
		r.Refused("demo.myshopify.com", r.Astray("/webhook"), false, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		sameLines(t, "after refusals", lines(),
			`level=WARN msg="webhooks are refused" reason=unauthenticated shop=demo.myshopify.com err=wrong`,
			`level=WARN msg="webhooks are refused" reason=invalid shop="" err=wrong`,
			`level=ERROR msg="webhooks are refused" reason=unavailable shop=demo.myshopify.com`,
			`level=WARN msg="webhooks are refused" reason=astray:/webhook shop=""`,
			`level=WARN msg="webhooks are refused" reason=unauthenticated shop="" err=wrong times=1 in=1m0s`)
	})
}
