package bellhop_test

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bellhop"
)

// TestTimezonesAsPhonesSendThem also loads each guessed zone, since readers of the database do.
func TestTimezonesAsPhonesSendThem(t *testing.T) {
	for said, want := range map[string]string{
		"Asia/Seoul": "Asia/Seoul", "asia/seoul": "Asia/Seoul", "ASIA/SEOUL": "Asia/Seoul",
		" Europe/Berlin ":       "Europe/Berlin",
		"america/port_of_spain": "America/Port_of_Spain", "america/port-au-prince": "America/Port-au-Prince",
		"Asia/Calcutta": "Asia/Calcutta", "Asia/Saigon": "Asia/Saigon", "Asia/Hanoi": "Asia/Ho_Chi_Minh",
		"Asia/Beijing": "Asia/Shanghai",
		"KST":          "Asia/Seoul", "jst": "Asia/Tokyo", "PDT": "America/Los_Angeles", "EST": "EST", "utc": "UTC",
		"Z": "UTC", "gmt": "GMT",
		"GMT+09:00": "Etc/GMT-9", "GMT+9": "Etc/GMT-9", "UTC+0900": "Etc/GMT-9", "+09:00": "Etc/GMT-9",
		"UTC-5":     "Etc/GMT+5",
		"GMT−08:00": "Etc/GMT+8", "Etc/GMT-9": "Etc/GMT-9", "etc/gmt-9": "Etc/GMT-9", "UTC+5:30": "Asia/Kolkata",
		"GMT+05:45": "Asia/Kathmandu",
		"GMT-03:30": "America/St_Johns", "GMT+00:00": "UTC", "UTC+14": "Etc/GMT-14",
		"GMT+0900 (Korean Standard Time)": "Etc/GMT-9",
		"(GMT+09:00) Seoul":               "Etc/GMT-9",
		"":                                "", "CST": "", "Mars/Olympus": "", "GMT+15": "", "GMT+09:17": "",
		"Local":     "",
		"localtime": "", "../../etc/passwd": "",
		"/etc/localtime": "", "null": "", "Asia/Seoul\x00": "", "서울": "", strings.Repeat("+", 5000): "",
		"GMT+99999999999": "",
	} {
		got := bellhop.GuessTimezone(said)
		if got != want {
			t.Errorf("%.40q: %q, want %q", said, got, want)
		}
		if _, err := time.LoadLocation(got); err != nil {
			t.Errorf("%q: %v", got, err)
		}
	}
	// GMT+9 lies east of Greenwich, as in ISO 8601; Etc/GMT-9 is its name.
	loc, err := time.LoadLocation(bellhop.GuessTimezone("GMT+09:00"))
	if err != nil {
		t.Fatal(err)
	}
	if _, offset := time.Unix(0, 0).In(loc).Zone(); offset != 9*3600 {
		t.Errorf("GMT+09:00 is %d s to the east", offset)
	}
}

// TestTimezonesInAnyCase finds each zone that Go knows, in lower and upper case too.
func TestTimezonesInAnyCase(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	zones, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer zones.Close()
	for _, f := range zones.File {
		if strings.HasSuffix(f.Name, "/") || f.Name == "Factory" {
			continue
		}
		for _, said := range []string{f.Name, strings.ToLower(f.Name), strings.ToUpper(f.Name)} {
			if got := bellhop.GuessTimezone(said); !strings.EqualFold(got, f.Name) {
				t.Errorf("%s: %q", said, got)
			}
		}
	}
}

func TestZoneOfQuietHours(t *testing.T) {
	for _, c := range []struct{ own, device, shop, want string }{
		{"Asia/Seoul", "Europe/Berlin", "Asia/Tokyo", "Asia/Seoul"}, {"", "Europe/Berlin", "Asia/Tokyo", "Europe/Berlin"},
		{"", "", "Asia/Tokyo", "Asia/Tokyo"}, {"", "Mars/Olympus", "Asia/Tokyo", "Asia/Tokyo"}, {"", "", "", "UTC"},
	} {
		if got := (bellhop.Settings{Timezone: c.own}).Zone(c.device, c.shop); got.String() != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
