package bellhop

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that zones are known on a machine without the files
)

// ParseTimezone accepts the names of the IANA database, and "".
func ParseTimezone(name string) (*time.Location, error) {
	loc, err := time.LoadLocation(name)
	if err != nil || len(name) > maxTimezone || name == "Local" || name == "localtime" || strings.Contains(name, "..") {
		return nil, Invalidf("timezone", "%q is not a time zone: give an IANA name such as Europe/Berlin",
			Clip(name, 80))
	}
	return loc, nil
}

// maxTimezone is more than any name of a zone has, in bytes; what phones say may be longer.
const (
	maxTimezone = 64
	maxSaid     = 200
)

// GuessTimezone returns the IANA name of the time zone that a phone or a person means
// by asia/seoul, KST, GMT+09:00 or the like; "" for unknown ones.
func GuessTimezone(said string) string {
	said = strings.TrimSpace(said)
	if said == "" || len(said) > maxSaid {
		return ""
	}
	for _, name := range []string{said, strings.ToUpper(said), zoneCase(said), zoneAlias[strings.ToLower(said)]} {
		if _, err := ParseTimezone(name); name != "" && err == nil {
			return name
		}
	}
	return zoneOfOffset(said)
}

var zoneWord = regexp.MustCompile(`[a-z]+`)

// zoneCase writes a name as the IANA database does: America/Port_of_Spain.
func zoneCase(name string) string {
	return zoneWord.ReplaceAllStringFunc(strings.ToLower(name), func(word string) string {
		return cmp.Or(zonePart[word], strings.ToUpper(word[:1])+word[1:])
	})
}

// zonePart are parts of names that don't begin with their only capital.
var zonePart = map[string]string{
	"of": "of", "es": "es", "au": "au", "us": "US", "gb": "GB", "utc": "UTC", "gmt": "GMT", "uct": "UCT", "in": "IN",
	"mcmurdo": "McMurdo", "dumontdurville": "DumontDUrville", "comodrivadavia": "ComodRivadavia",
	"denoronha":    "DeNoronha",
	"easterisland": "EasterIsland", "bajanorte": "BajaNorte", "bajasur": "BajaSur",
	"act": "ACT", "nsw": "NSW", "lhi": "LHI",
}

// zoneAlias are abbreviations that mean one zone to nearly all who use them, and names
// that phones give although the database never had them.
var zoneAlias = map[string]string{
	"kst": "Asia/Seoul", "jst": "Asia/Tokyo", "hkt": "Asia/Hong_Kong", "sgt": "Asia/Singapore", "pht": "Asia/Manila",
	"ict": "Asia/Bangkok", "wib": "Asia/Jakarta", "wita": "Asia/Makassar", "wit": "Asia/Jayapura",
	"ist": "Asia/Kolkata",
	"pkt": "Asia/Karachi", "npt": "Asia/Kathmandu", "msk": "Europe/Moscow", "bst": "Europe/London",
	"cest": "Europe/Paris",
	"eest": "Europe/Helsinki", "west": "Europe/Lisbon", "sast": "Africa/Johannesburg", "eat": "Africa/Nairobi",
	"wat": "Africa/Lagos", "cat": "Africa/Maputo", "brt": "America/Sao_Paulo", "art": "America/Argentina/Buenos_Aires",
	"clt": "America/Santiago", "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "mdt": "America/Denver",
	"cdt": "America/Chicago", "edt": "America/New_York", "akst": "America/Anchorage", "akdt": "America/Anchorage",
	"awst": "Australia/Perth", "acst": "Australia/Darwin", "aest": "Australia/Sydney", "aedt": "Australia/Sydney",
	"nzst": "Pacific/Auckland", "nzdt": "Pacific/Auckland", "z": "UTC",
	"asia/hanoi": "Asia/Ho_Chi_Minh", "asia/beijing": "Asia/Shanghai",
}

// offsetForm is UTC+5:30, GMT+0900, +09:00, or (GMT+09:00) with words behind. The sign
// is that of ISO 8601, as phones use it.
var offsetForm = regexp.MustCompile(`(?i)^\(?(?:utc|gmt)?\s*([+−-])\s*(\d{1,2})(?::?(\d{2}))?\)?(?:\s.*)?$`)

// zoneOfMinutes are zones that are apart from UTC by a part of an hour, by minutes.
var zoneOfMinutes = map[int]string{
	-570: "Pacific/Marquesas", -210: "America/St_Johns", 210: "Asia/Tehran", 270: "Asia/Kabul", 330: "Asia/Kolkata",
	345: "Asia/Kathmandu", 390: "Asia/Yangon", 525: "Australia/Eucla", 570: "Australia/Darwin",
	630: "Australia/Lord_Howe",
	765: "Pacific/Chatham",
}

func zoneOfOffset(said string) string {
	m := offsetForm.FindStringSubmatch(said)
	if m == nil {
		return ""
	}
	hours, _ := strconv.Atoi(m[2]) // digits
	minutes, _ := strconv.Atoi("0" + m[3])
	minutes += 60 * hours
	if m[1] != "+" {
		minutes = -minutes
	}
	switch {
	case minutes == 0:
		return "UTC"
	case minutes%60 == 0 && minutes >= -12*60 && minutes <= 14*60:
		return fmt.Sprintf("Etc/GMT%+d", -minutes/60) // the database counts to the west
	}
	return zoneOfMinutes[minutes]
}
