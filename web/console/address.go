package console

import (
	"cmp"
	"html/template"
	"slices"
	"strings"
	"unicode"

	"bellhop"
)

// addressView is an address as its country writes it.
type addressView struct {
	Lines []string
	Phone string
	Tel   template.URL // "" for a phone number that nobody can call
}

func addressOf(a *bellhop.Address) *addressView {
	if a == nil {
		return nil
	}
	return &addressView{postal(a), a.Phone, tel(a.Phone)}
}

// largeFirst are the countries that write an address from the country down to the name.
var largeFirst = set("KR", "JP", "CN", "TW")

// postal returns the lines of an address, without the phone number.
func postal(a *bellhop.Address) (lines []string) {
	country := cmp.Or(a.Country, a.CountryCode)
	if largeFirst[a.CountryCode] {
		zip := a.Zip
		if a.CountryCode == "JP" && zip != "" && !strings.HasPrefix(zip, "〒") {
			zip = "〒" + zip
		}
		lines = []string{country, zip, region(a), a.Address1, a.Address2, a.Company, a.Name}
	} else {
		lines = append([]string{a.Name, a.Company, a.Address1, a.Address2}, place(a)...)
		lines = append(lines, country)
	}
	return slices.DeleteFunc(lines, func(s string) bool { return s == "" })
}

// region is province and city, which Chinese characters join without a space.
func region(a *bellhop.Address) string {
	if a.Province == "" || strings.HasPrefix(a.City, a.Province) {
		return a.City
	}
	if inHan(a.Province) && inHan(a.City) {
		return a.Province + a.City
	}
	return spaced(a.Province, a.City)
}

func inHan(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool {
		return unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana)
	})
}

// place is the lines of city, province and zip.
func place(a *bellhop.Address) []string {
	province := a.Province
	if province == a.City {
		province = ""
	}
	switch a.CountryCode {
	case "US", "CA", "AU", "PR":
		return []string{spaced(a.City, cmp.Or(a.ProvinceCode, a.Province), a.Zip)}
	case "GB", "IE", "GG", "JE", "IM":
		return []string{a.City, a.Zip}
	case "IN", "SG", "NZ", "ZA", "HK", "MO", "TH", "ID":
		return []string{spaced(a.City, a.Zip), province}
	case "IT":
		return []string{spaced(a.Zip, a.City, a.ProvinceCode)}
	}
	return []string{spaced(a.Zip, a.City), province}
}

// spaced joins those that are there.
func spaced(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), " ")
}

// tel is the address of a phone number.
func tel(phone string) template.URL {
	digits := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c == '+' {
			return c
		}
		return -1
	}, phone)
	if len(digits) < 3 || strings.LastIndex(digits, "+") > 0 || strings.Contains(phone, masked) {
		return ""
	}
	return template.URL("tel:" + digits)
}
