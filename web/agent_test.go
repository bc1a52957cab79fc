package web

import (
	"strings"
	"testing"
)

func TestAgents(t *testing.T) {
	for header, want := range map[string]string{
		"": "",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0": "Firefox, Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
			"Version/18.1 Mobile/15E148 Safari/604.1": "Safari, iOS",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 " +
			"Mobile Safari/537.36": "Chrome, Android",
		"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0": "Edge, Windows",
		"Mozilla/5.0 (Linux; Android 15; Kim's phone)":                                          "Android",
		"Mozilla/5.0":                     "",
		"OwnersApp/1.2 (kim@example.com)": "OwnersApp",
		"가게\x00<b>/1":                     "<b>",
		strings.Repeat("x", 500):          strings.Repeat("x", 40),
	} {
		if got := agentOf(header); got != want {
			t.Errorf("%q is %q", header, got)
		}
	}
}
