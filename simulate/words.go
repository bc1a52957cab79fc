package simulate

// person is a customer's name as a shop gets it.
type person struct {
	first, last string
	full        string // as its language writes it
	place       *place
}

// place is where people live, and how they write.
type place struct {
	locale                          string
	address1, address2, city, zip   string
	province, provinceCode          string
	country, countryCode            string
	phone, mobile                   string // two digits follow
	company                         string
	shipping, shippingCode, express string
	gateway                         string
	familyFirst                     bool // Shopify's "name" of an address
}

var (
	us = &place{locale: "en-US", address1: "1 Example Street", city: "Springfield", zip: "40003", province: "Kentucky",
		provinceCode: "KY", country: "United States", countryCode: "US", phone: "555-01", mobile: "+155501001",
		company: "Example Traders Inc.", shipping: "Standard", shippingCode: "Standard", express: "Express"}
	gb = &place{locale: "en-GB", address1: "Flat 2", address2: "12 Sample Road", city: "Leeds", zip: "LS1 9ZZ",
		province: "England", provinceCode: "ENG", country: "United Kingdom", countryCode: "GB", phone: "07700 9001",
		mobile: "+4477009001", company: "Sample & Sons Ltd", shipping: "Royal Mail 48", shippingCode: "rm48",
		express: "Next day"}
	de = &place{locale: "de-DE", address1: "Musterstraße 5", address2: "c/o Beispiel", city: "Musterstadt", zip: "12345",
		country: "Germany", countryCode: "DE", phone: "030 230125", mobile: "+49302301250", company: "Muster GmbH & Co. KG",
		shipping: "DHL Paket", shippingCode: "dhl", express: "Express bis 12 Uhr"}
	jp = &place{locale: "ja-JP", address1: "見本町1-2-3", address2: "サンプルビル201号室", city: "千代田区", zip: "100-0000",
		province: "Tōkyō", provinceCode: "JP-13", country: "Japan", countryCode: "JP", phone: "080-0000-00",
		mobile: "+81800000000", company: "株式会社サンプル", shipping: "通常配送", shippingCode: "standard",
		express: "クール便", gateway: "コンビニ決済", familyFirst: true}
	kr = &place{locale: "ko-KR", address1: "예시로 12", address2: "101동 1001호", city: "서울특별시 강남구", zip: "06000",
		province: "Seoul", provinceCode: "KR-11", country: "South Korea", countryCode: "KR", phone: "010-0000-00",
		mobile: "+82100000000", company: "주식회사 예시", shipping: "일반 배송", shippingCode: "cj", express: "새벽 배송",
		gateway: "무통장입금", familyFirst: true}
	tw = &place{locale: "zh-TW", address1: "範例路一段7號3樓", city: "台北市大安區", zip: "106", province: "Taipei City",
		provinceCode: "TPE", country: "Taiwan", countryCode: "TW", phone: "0900-0000", mobile: "+88690000000",
		company: "範例股份有限公司", shipping: "宅配", shippingCode: "home", express: "超商取貨", familyFirst: true}
)

// people are mostly ordinary; some have names in other scripts, and some try to break programs that
// show or store them.
var people = []person{
	{"Jo", "Lee", "Jo Lee", us}, {"Maria", "Garcia", "Maria Garcia", us}, {"John", "Smith", "John Smith", gb},
	{"Ana", "Silva", "Ana Silva", gb}, {"Zoë", "Müller", "Zoë Müller", de}, {"Siân", "O'Brien", "Siân O'Brien", gb},
	{"Łukasz", "Żółć", "Łukasz Żółć", de}, {"Nguyễn", "Thị Minh", "Nguyễn Thị Minh", us},
	{"太郎", "田中", "田中 太郎", jp}, {"さくら", "高橋", "高橋 さくら", jp}, {"小明", "王", "王小明", tw},
	{"민준", "김", "김민준", kr}, {"Олена", "Шевченко", "Олена Шевченко", de}, {"محمد", "الأحمد", "محمد الأحمد", us},
	{"נועה", "כהן", "נועה כהן", us}, {"สมชาย", "ใจดี", "สมชาย ใจดี", us},
	{"🦄 Uni", "Corn 👩‍👩‍👧‍👦", "🦄 Uni Corn 👩‍👩‍👧‍👦", us}, {"Anne/Marie", "d'Arc\\ette", "Anne/Marie d'Arc\\ette", us},
	{"Q. \"Quote\"", "Tab\tStop", "Q. \"Quote\" Tab\tStop", us},
	{"<script>alert(1)</script>", "<b>Bold</b>", "<script>alert(1)</script> <b>Bold</b>", us},
	{"Robert'); DROP TABLE orders;--", "Tables", "Robert'); DROP TABLE orders;-- Tables", us},
	{"{{7*7}}", "${jndi:ldap://localhost/a}", "{{7*7}} ${jndi:ldap://localhost/a}", us},
	{"=HYPERLINK(\"x\")", "@SUM(1+1)", "=HYPERLINK(\"x\") @SUM(1+1)", us},
	{"\u202eevil", "\u2066override", "\u202eevil \u2066override", us},
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
type product struct {
	title, variant, sku, vendor string
	gift                        bool // a gift card
}

var products = []product{
	{"Tee", "M", "TEE-M", "Example Wear", false}, {"Tee", "L / Black", "TEE-L-BLK", "Example Wear", false},
	{"Aviator sunglasses", "", "SKU2006-001", "", false}, {"Coffee beans 1 kg", "Whole", "COF-1000", "Röstwerk", false},
	{"Ceramic mug", "Blue", "MUG-BLU", "", false}, {"Desk lamp", "EU plug", "LAMP-EU", "Lampen & Licht", false},
	{"Notebook A5", "Dotted", "NB-A5-DOT", "", false}, {"Wool socks", "38/40", "SOCK-38", "Example Wear", false},
	{"Gift card", "50", "", "", true}, {"ホットまくら【PH01】", "ダークグレー / なし", "double1-PHDG", "サンプル堂", false},
	{"龙井茶", "250克", "TEA-250", "", false}, {"김치 세트", "3kg", "KIM-3", "예시식품", false},
	{"Crème brûlée set 🍮", "x4", "CRB-4", "", false}, {"<i>Poster</i> & \"frame\"", "A2 | 50×70", "PST/A2", "", false},
	{"Custom engraving", "", "", "", false},
}

// properties are those of a line, picked by chance; the last is none.
var properties = [][]attribute{
	{{"Engraving", "For Mina / 2026"}, {"Font", "Serif"}},
	{{"刻印", "結婚記念日"}, {"_engraver", "2"}},
	{{"Gift note", "Happy birthday! 🎂\nLove, Jo"}, {"_wrap", "true"}},
	{{"선물 메시지", "생일 축하해요"}},
	{{"_note", `{"by":"web"}`}},
	{{"_note", `{"by":"web"}`}, {"_bundle", "b-1"}},
	{{"_note", `{"by":"web"}`}},
	nil,
}

// noteAttributes are those of an order; the last is none.
var noteAttributes = [][]attribute{
	{{"delivery_date", "2026-12-24"}},
	{{"gift_message", "生日快樂"}, {"_source_campaign", `{"id":7,"q":"a\/b"}`}},
	{{"配達希望", "午前中"}},
	nil,
}

// carriers carry parcels. A tracking number follows the address.
var carriers = []struct{ name, url string }{
	{"USPS", "https://tools.example.com/go/track?label="}, {"DHL", "https://dhl.example.com/track/"},
	{"Yamato (EN)", "https://yamato.example.com/?no="}, {"CJ대한통운", "https://cj.example.com/"},
	{"Royal Mail", "https://post.example.com/#/"}, {"Example Bikes", ""},
}

// taxes are what a currency's shops charge.
type tax struct {
	title    string
	rate     string
	points   int64 // hundredths of a percent
	included bool
}

var taxes = map[string]tax{
	"USD": {"Kentucky State Tax", "0.06", 600, false}, "JPY": {"CT", "0.1", 1000, true},
	"EUR": {"DE MwSt", "0.19", 1900, true}, "GBP": {"GB VAT", "0.2", 2000, true},
	"KRW": {"부가세", "0.1", 1000, true}, "CAD": {"GST", "0.05", 500, false}, "USDC": {"VAT", "0.075", 750, false},
}

// places are where shops sell, by their place in the list of shops; hours east of UTC.
var places = []struct {
	currency string
	hours    int
}{{"USD", -5}, {"JPY", 9}, {"EUR", 1}, {"KWD", 3}, {"KRW", 9}, {"GBP", 0}}

// currencies are what else is paid in. ISO knows no USDC.
var currencies = []string{"USD", "EUR", "GBP", "JPY", "KRW", "KWD", "CLP", "BHD", "CAD", "CHF", "USDC"}

// unitsPerDollar is close enough for made-up prices: how many of a currency's
// smallest units a dollar buys.
func unitsPerDollar(currency string) int64 {
	if units, ok := perDollar[currency]; ok {
		return units
	}
	return 95
}

var perDollar = map[string]int64{"JPY": 150, "KRW": 1400, "CLP": 950, "KWD": 310, "BHD": 380, "EUR": 83, "GBP": 72,
	"CAD": 131, "CHF": 77, "USDC": 1_000_000}
