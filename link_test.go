package bellhop_test

import (
	"testing"
	"time"

	"bellhop"
)

// TestMailsToSignIn wants one a minute at the most, and few a day, whoever asks.
func TestMailsToSignIn(t *testing.T) {
	var m bellhop.Mailed
	day := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	sent := func(known bool) (n int) {
		for at := range 24 * 60 * 2 {
			if m.Take(known, day.Add(time.Duration(at)*time.Minute/2)) {
				n++
			}
		}
		return n
	}
	if !m.Take(false, day) || m.Take(false, day.Add(59*time.Second)) || m.Take(true, day.Add(59*time.Second)) ||
		!m.Take(true, day.Add(time.Minute)) {
		t.Errorf("two within a minute, or none: %+v", m)
	}
	m = bellhop.Mailed{}
	if n := sent(false); n < 8 || n > 10 {
		t.Errorf("strangers had %d mails sent in a day", n)
	}
	if day = day.Add(24 * time.Hour); m.Take(false, day.Add(-time.Minute)) || !m.Take(true, day) {
		t.Errorf("strangers left none to the person, or have more: %+v", m)
	}
	if day = day.Add(48 * time.Hour); sent(false) < 8 {
		t.Error("two days later there are none")
	}
}
