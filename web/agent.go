package web

import "strings"

// maxAgent is the length of what an app calls itself.
const maxAgent = 40

// What browsers and systems write of themselves. Most also name others, so that the order counts.
var (
	browsers = [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
		{"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}}
	systems = [][2]string{{"iPhone", "iOS"}, {"iPad", "iPadOS"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
		{"Windows", "Windows"}, {"Macintosh", "macOS"}, {"Linux", "Linux"}}
)

// agentOf says what a User-Agent stands for, by which somebody knows their session again: a browser and its system,
// such as "Firefox, Windows", or the name with which an app begins. The rest would say more of people than they need.
func agentOf(header string) string {
	app, rest, _ := strings.Cut(header, " ")
	app, _, _ = strings.Cut(app, "/")
	if app != "Mozilla" {
		plain := strings.Map(func(c rune) rune {
			if c < ' ' || c > '~' {
				return -1
			}
			return c
		}, app)
		return plain[:min(len(plain), maxAgent)]
	}
	known := func(of [][2]string) string {
		for _, k := range of {
			if strings.Contains(rest, k[0]) {
				return k[1]
			}
		}
		return ""
	}
	return strings.Trim(known(browsers)+", "+known(systems), ", ")
}
