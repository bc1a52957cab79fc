package simulate

// person is a customer's name as a shop gets it.
type person struct{ first, last string }

// people are mostly ordinary; some have names in other scripts, and some try to break programs that
// show or store them.
var people = []person{
	{"Jo", "Lee"}, {"Maria", "Garcia"}, {"John", "Smith"}, {"Ana", "Silva"},
	{"Zoë", "Müller"}, {"Siân", "O'Brien"}, {"Łukasz", "Żółć"}, {"Nguyễn", "Thị Minh"},
	{"太郎", "田中"}, {"さくら", "高橋"}, {"小明", "王"}, {"민준", "김"},
	{"Олена", "Шевченко"}, {"محمد", "الأحمد"}, {"נועה", "כהן"}, {"สมชาย", "ใจดี"},
	{"🦄 Uni", "Corn 👩‍👩‍👧‍👦"}, {"Anne/Marie", "d'Arc\\ette"}, {"Q. \"Quote\"", "Tab\tStop"},
	{"<script>alert(1)</script>", "<b>Bold</b>"}, {"Robert'); DROP TABLE orders;--", "Tables"},
	{"{{7*7}}", "${jndi:ldap://localhost/a}"}, {"=HYPERLINK(\"x\")", "@SUM(1+1)"}, {"\u202eevil", "\u2066override"},
}

// ordinaryPeople is how many of people, from the first on, have nothing odd.
const ordinaryPeople = 16

var notes = []string{
	"Please ring twice.", "Gift: leave the receipt out.", "Line one\nline two\r\nline three",
	"のし紙をお願いします。", "谢谢！请用顺丰", "부재시 경비실에 맡겨주세요", "Merci 🎁🎉 / à bientôt",
	"</textarea><img src=x onerror=alert(document.cookie)>", "'; DELETE FROM pushes; --", "../../../../etc/passwd",
	"%s %d %n {0} {{.}} <%= x %>", "a\u2028b\u2029c\u00a0d\u200be", "not a character: \uffff",
	"\\\"escaped\\\" / \\/ \\u0041",
}

// product is an article for sale.
type product struct{ title, variant, sku string }

var products = []product{
	{"Tee", "M", "TEE-M"}, {"Tee", "L / Black", "TEE-L-BLK"}, {"Aviator sunglasses", "", "SKU2006-001"},
	{"Coffee beans 1 kg", "Whole", "COF-1000"}, {"Ceramic mug", "Blue", "MUG-BLU"}, {"Desk lamp", "EU plug", "LAMP-EU"},
	{"Notebook A5", "Dotted", "NB-A5-DOT"}, {"Wool socks", "38/40", "SOCK-38"}, {"Gift card", "50", ""},
	{"ホットまくら【PH01】", "ダークグレー / なし", "double1-PHDG"}, {"龙井茶", "250克", "TEA-250"}, {"김치 세트", "3kg", "KIM-3"},
	{"Crème brûlée set 🍮", "x4", "CRB-4"}, {"<i>Poster</i> & \"frame\"", "A2 | 50×70", "PST/A2"}, {"Custom engraving", "", ""},
}

// places are where shops sell, by their place in the list of shops; hours east of UTC.
var places = []struct {
	currency string
	hours    int
}{{"USD", -5}, {"JPY", 9}, {"EUR", 1}, {"KWD", 3}, {"KRW", 9}, {"GBP", 0}}

var currencies = []string{"USD", "EUR", "GBP", "JPY", "KRW", "KWD", "CLP", "BHD", "CAD", "CHF"}

// unitsPerDollar is close enough for made-up prices: how many of a currency's
// smallest units a dollar buys.
func unitsPerDollar(currency string) int64 {
	if units, ok := perDollar[currency]; ok {
		return units
	}
	return 95
}

var perDollar = map[string]int64{"JPY": 150, "KRW": 1400, "CLP": 950, "KWD": 310, "BHD": 380}
