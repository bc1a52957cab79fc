package shopify_test

import (
	"encoding/json"
	"testing"

	"bellhop"
)

// A name is written as its language does; Shopify puts the given name first. Only Korean, Japanese
// and Chinese names in their own letters turn round.
func TestNames(t *testing.T) {
	for _, tt := range []struct{ first, last, locale, country, want string }{
		{"길동", "홍", "ko", "KR", "홍길동"}, {"길동", "홍", "ko-KR", "", "홍길동"}, {"길동", "홍", "", "KR", "홍길동"},
		{"길동", "홍", "en", "US", "홍길동"}, {"길동", "홍", "", "", "홍길동"}, {"길동", "남궁", "ko", "KR", "남궁길동"},
		{"吉童", "洪", "ko", "KR", "洪吉童"}, {"吉童", "洪", "", "KR", "洪吉童"}, {"吉童", "洪", "en", "KR", "洪吉童"},
		{"Gildong", "Hong", "ko", "KR", "Gildong Hong"}, {"Ann", "Example", "ko", "KR", "Ann Example"},
		{"太郎", "山田", "ja", "JP", "山田 太郎"}, {"太郎", "山田", "ja-JP", "", "山田 太郎"}, {"太郎", "山田", "en", "JP", "山田 太郎"},
		{"たろう", "やまだ", "ja", "", "やまだ たろう"}, {"タロウ", "ヤマダ", "", "JP", "ヤマダ タロウ"}, {"さくら", "山田", "ja", "JP", "山田 さくら"},
		{"Taro", "Yamada", "ja", "JP", "Taro Yamada"}, {"マイケル", "スミス", "en", "US", "マイケル スミス"},
		{"小明", "王", "zh", "CN", "王小明"}, {"小明", "王", "zh-TW", "TW", "王小明"}, {"小明", "王", "", "HK", "王小明"},
		{"娜娜", "歐陽", "zh-TW", "", "歐陽娜娜"}, {"Xiaoming", "Wang", "zh", "CN", "Xiaoming Wang"}, {"Wei", "王", "zh", "CN", "Wei 王"},
		{"János", "Kovács", "hu", "HU", "János Kovács"}, {"Văn An", "Nguyễn", "vi", "VN", "Văn An Nguyễn"},
		{"Ann", "Example", "en", "US", "Ann Example"}, {"Jörg", "Müßig", "de", "DE", "Jörg Müßig"},
		{"Олег", "Иванов", "ru", "RU", "Олег Иванов"}, {"ليلى", "نور", "ar", "KW", "ليلى نور"}, {"สมชาย", "ใจดี", "th", "TH", "สมชาย ใจดี"},
		{"길동", "", "ko", "KR", "길동"}, {"", "홍", "ko", "KR", "홍"}, {"홍길동", " ", "ko", "KR", "홍길동"}, {"", "", "ko", "KR", ""},
		{" 길동 ", " 홍 ", "ko", "KR", "홍길동"},
	} {
		for _, named := range []bool{false, true} { // Shopify's name of an address says no more
			name := ""
			if named {
				name = tt.first + " " + tt.last
			}
			a := object(t, "name", name, "first_name", tt.first, "last_name", tt.last, "country_code", tt.country)
			c := object(t, "first_name", tt.first, "last_name", tt.last)
			o := decodeOrder(t, `,"customer_locale":"`+tt.locale+`","customer":`+c+`,"billing_address":`+a+
				`,"shipping_address":`+a)
			for of, got := range map[string]string{"customer": o.CustomerName, "billing": nameOf(o.Billing),
				"shipping": nameOf(o.Shipping)} {
				if got != tt.want {
					t.Errorf("%+v: the name of %s is %q", tt, of, got)
				}
			}
		}
	}
}

// A customer has no country of their own: that of an address tells.
func TestNamesByAddress(t *testing.T) {
	for address, want := range map[string]string{
		`,"billing_address":{"country_code":"JP"}`: "やまだ たろう", `,"shipping_address":{"country_code":"JP"}`: "やまだ たろう",
		`,"billing_address":{"country_code":"US"},"shipping_address":{"country_code":"JP"}`: "たろう やまだ", ``: "たろう やまだ",
	} {
		o := decodeOrder(t, `,"customer":{"first_name":"たろう","last_name":"やまだ"}`+address)
		if o.CustomerName != want {
			t.Errorf("%s: %q", address, o.CustomerName)
		}
	}
}

// Shopify's own word counts where it is more than given and family name.
func TestNamesAsShopifyHasThem(t *testing.T) {
	for _, tt := range []struct{ name, first, last, want string }{
		{"田中太郎", "太郎", "田中", "田中太郎"}, {"山田 太郎 様", "太郎", "山田", "山田 太郎 様"}, {"홍길동", "길동", "홍", "홍길동"},
		{"홍 길동", "길동", "홍", "홍 길동"}, {"Dr. Ann Example", "Ann", "Example", "Dr. Ann Example"}, {"길동 홍", "", "", "길동 홍"},
		{" ", "길동", "홍", "홍길동"}, {"길동  홍", "길동", "홍", "홍길동"}, {"Cher", "", "", "Cher"}, {"길동", "길동", "", "길동"},
	} {
		o := decodeOrder(t, `,"billing_address":`+object(t, "name", tt.name, "first_name", tt.first, "last_name", tt.last))
		if got := nameOf(o.Billing); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

func object(t *testing.T, pairs ...string) string {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func nameOf(a *bellhop.Address) string {
	if a == nil {
		return ""
	}
	return a.Name
}
