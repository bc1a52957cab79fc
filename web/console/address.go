package console

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"sync"
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
		a, country = native(a, country)
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

// native writes province and country as the rest of the address is written: Shopify has them in English
// beside a city in Chinese characters or Hangul.
func native(a *bellhop.Address, country string) (*bellhop.Address, string) {
	if latin(a.City + a.Address1) {
		return a, country
	}
	own := *a
	if name := provinces()[a.ProvinceCode]; name != "" {
		own.Province = name
	}
	if a.CountryCode == "TW" && latin(own.Province) && strings.ContainsAny(own.City, "縣市") {
		own.Province = "" // the city says it
	}
	return &own, countries[a.CountryCode]
}

var countries = map[string]string{"KR": "대한민국", "JP": "日本", "CN": "中国", "TW": "台灣"}

// provinces are the names of Japan's prefectures and Korea's provinces by their ISO 3166-2 codes.
var provinces = sync.OnceValue(func() map[string]string {
	names := map[string]string{"KR-11": "서울특별시", "KR-26": "부산광역시", "KR-27": "대구광역시", "KR-28": "인천광역시",
		"KR-29": "광주광역시", "KR-30": "대전광역시", "KR-31": "울산광역시", "KR-41": "경기도", "KR-42": "강원특별자치도",
		"KR-43": "충청북도", "KR-44": "충청남도", "KR-45": "전북특별자치도", "KR-46": "전라남도", "KR-47": "경상북도",
		"KR-48": "경상남도", "KR-49": "제주특별자치도", "KR-50": "세종특별자치시"}
	for i, name := range strings.Fields("北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県 東京都 " +
		"神奈川県 新潟県 富山県 石川県 福井県 山梨県 長野県 岐阜県 静岡県 愛知県 三重県 滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 " +
		"鳥取県 島根県 岡山県 広島県 山口県 徳島県 香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県") {
		names[fmt.Sprintf("JP-%02d", i+1)] = name
	}
	return names
})

// latin reports whether a text has no letters of East Asia.
func latin(s string) bool {
	return !inHan(s) && !strings.ContainsFunc(s, func(c rune) bool { return unicode.Is(unicode.Hangul, c) })
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
