package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/simulate"
)

// Each column adds up exactly: its lines are written by hand from what Shopify says.
func TestSums(t *testing.T) {
	type order = bellhop.Order
	usd := func(cents int64) bellhop.Money { return bellhop.Money{Units: cents, Digits: 2, Currency: "USD"} }
	yen := func(n int64) bellhop.Money { return bellhop.Money{Units: n, Currency: "JPY"} }
	item := func(quantity, current int64, price bellhop.Amount) bellhop.Item {
		return bellhop.Item{ID: 1, Quantity: quantity, Current: current, Price: price}
	}
	whole := func(total, now bellhop.Money, placed bellhop.Sums, change ...func(*order)) order {
		o := order{Total: total, Current: now, Details: bellhop.Details{Schema: 1, Placed: placed}}
		for _, c := range change {
			c(&o)
		}
		return o
	}
	items := func(all ...bellhop.Item) func(*order) { return func(o *order) { o.Items = all } }
	for name, c := range map[string]struct {
		order order
		want  string
	}{
		"plain": {whole(usd(4780), usd(4780), bellhop.Sums{Subtotal: "39.80", Shipping: "8.00"}, items(item(2, 2, "19.90"))),
			"items 39.80, shipping 8.00, =total 47.80"},
		"free shipping is a line": {whole(usd(3980), usd(3980), bellhop.Sums{Subtotal: "39.80", Shipping: "0.00"},
			items(item(2, 2, "19.90"))), "items 39.80, shipping 0.00, =total 39.80"},
		"tax in the prices adds nothing": {whole(yen(19800), yen(19800), bellhop.Sums{Subtotal: "19800", Tax: "1800"},
			items(item(1, 1, "19800")), func(o *order) { o.TaxesIncluded = true }),
			"items 19800, =total 19800, (taxIncluded 1800)"},
		"all parts": {whole(usd(13611), usd(13611), bellhop.Sums{Subtotal: "90.00", Discounts: "15.00", Shipping: "8.00",
			Tax: "9.11", Duties: "12.00", Fees: "2.00", Tips: "20.00"}, items(item(1, 1, "100.00")), func(o *order) {
			o.ShippingLines = []bellhop.ShippingLine{{Price: "8.00", Discount: "5.00"}}
			o.Items = append(o.Items, bellhop.Item{ID: 2, Quantity: 1, Current: 1, Price: "20.00", Tip: true})
		}), "items 100.00, discounts -15.00, shipping 8.00, tax 9.11, duties 12.00, fees 2.00, tips 20.00, =total 136.11"},
		"parts that don't add up": {whole(usd(5000), usd(5000), bellhop.Sums{Subtotal: "39.80", Shipping: "8.00"},
			items(item(2, 2, "19.90"))), "items 39.80, shipping 8.00, rest 2.20, =total 50.00"},
		"a line that an edit added, which nobody told of": {whole(usd(4000), usd(5000), bellhop.Sums{Subtotal: "40.00"},
			items(item(1, 1, "40.00"), item(1, 1, "10.00")), func(o *order) { o.EditedAt = time.Unix(1, 0) }),
			"items 40.00, =total 40.00, edited 10.00, =now 50.00"},
		"a line that an edit added": {whole(usd(4000), usd(5000), bellhop.Sums{}, items(item(1, 1, "40.00"),
			bellhop.Item{ID: 2, Quantity: 1, Current: 1, Price: "10.00"}), func(o *order) {
			o.History.Edits = []bellhop.Edit{{Added: []bellhop.LineQuantity{{Item: 2, Quantity: 1}}}}
			o.EditedAt = time.Unix(1, 0)
		}), "items 40.00, =total 40.00, edited 10.00, =now 50.00"},
		"edited, a line of three removed": {whole(usd(12000), usd(7000), bellhop.Sums{Subtotal: "120.00"}, items(
			item(1, 1, "70.00"), bellhop.Item{ID: 2, Quantity: 1, Price: "50.00"},
			bellhop.Item{ID: 3, Quantity: 3, Current: 1, Price: "0.00"})),
			"items 120.00, =total 120.00, edited -50.00, =now 70.00"},
		"a refund of five": {whole(usd(40300), usd(39800), bellhop.Sums{Subtotal: "403.00"}, items(item(1, 1, "403.00")),
			func(o *order) { o.History.Refunds = []bellhop.Refund{{Amount: "5.00"}, {}} }),
			"items 403.00, =total 403.00, refunded -5.00, =now 398.00"},
		"a refund in the buyer's currency": {whole(usd(40300), usd(39800), bellhop.Sums{Subtotal: "403.00"},
			items(item(1, 1, "403.00")),
			func(o *order) { o.History.Refunds = []bellhop.Refund{{Amount: "4.55", Currency: "EUR"}} }),
			"items 403.00, =total 403.00, refunded -5.00, =now 398.00"},
		"a refund that the new total leaves out": {whole(usd(40300), usd(40300), bellhop.Sums{Subtotal: "403.00"},
			items(item(1, 1, "403.00")), func(o *order) { o.History.Refunds = []bellhop.Refund{{Amount: "5.00"}} }),
			"items 403.00, =total 403.00, rest 5.00, refunded -5.00, =now 403.00"},
		"cancelled before it was paid": {whole(usd(4000), usd(0), bellhop.Sums{Subtotal: "40.00"}, items(item(1, 1, "40.00")),
			func(o *order) { o.CancelledAt, o.Outstanding = time.Unix(1, 0), "0.00" }),
			"items 40.00, =total 40.00, cancelled -40.00, =now 0.00"},
		"cancelled, and yet it comes to more": {whole(usd(4000), usd(5000), bellhop.Sums{Subtotal: "40.00"},
			items(item(1, 1, "40.00")), func(o *order) { o.CancelledAt = time.Unix(1, 0) }),
			"items 40.00, =total 40.00, rest 10.00, =now 50.00"},
		"still to be paid": {whole(usd(4000), usd(4000), bellhop.Sums{Subtotal: "40.00"}, items(item(1, 1, "40.00")),
			func(o *order) { o.Outstanding = "40.00" }), "items 40.00, =total 40.00, (outstanding 40.00)"},
		"an older bellhop recorded it": {order{Total: usd(4000), Current: usd(4000)}, "=total 40.00"},
		"too large to add up": {whole(usd(4000), usd(4000), bellhop.Sums{Shipping: "9999999999999999.99"},
			items(item(1000000, 1, "9999999999999999.99"))), "=total 40.00"},
	} {
		var got []string
		for _, l := range sumOf(&c.order) {
			text := fmt.Sprint(l.id, " ", l.amount)
			got = append(got, map[sumKind]string{sumPart: text, sumTotal: "=" + text, sumAside: "(" + text + ")"}[l.kind])
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s:\n%s, not\n%s", name, s, c.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		address bellhop.Address
		want    string
	}{
		{bellhop.Address{Name: "홍길동", Company: "예시상사", Address1: "테헤란로 152", Address2: "10층", City: "강남구", Zip: "06236",
			Province: "서울특별시", Country: "대한민국", CountryCode: "KR"}, "대한민국|06236|서울특별시 강남구|테헤란로 152|10층|예시상사|홍길동"},
		{bellhop.Address{Name: "김서연", Address1: "중앙대로 1", City: "부산광역시 중구", Zip: "48900", Province: "부산광역시",
			Country: "대한민국", CountryCode: "KR"}, "대한민국|48900|부산광역시 중구|중앙대로 1|김서연"},
		{bellhop.Address{Name: "山田 太郎", Company: "例株式会社", Address1: "神宮前1-2-3", Address2: "例ビル4階", City: "渋谷区",
			Zip: "150-0001", Province: "東京都", Country: "日本", CountryCode: "JP"},
			"日本|〒150-0001|東京都渋谷区|神宮前1-2-3|例ビル4階|例株式会社|山田 太郎"},
		{bellhop.Address{Name: "Jo Lee", Address1: "1-2-3 Jingumae", City: "Shibuya-ku", Zip: "〒150-0001", Province: "Tokyo",
			Country: "Japan", CountryCode: "JP"}, "Japan|〒150-0001|Tokyo Shibuya-ku|1-2-3 Jingumae|Jo Lee"},
		// Shopify has province and country in English beside a native address.
		{bellhop.Address{Name: "山田 太郎", Address1: "見本町1-2-3", City: "名古屋市", Zip: "456-0001", Province: "Aichi",
			ProvinceCode: "JP-23", Country: "Japan", CountryCode: "JP"}, "日本|〒456-0001|愛知県名古屋市|見本町1-2-3|山田 太郎"},
		{bellhop.Address{Name: "안유진", Address1: "예시로 12", City: "서울특별시 강남구", Zip: "06000", Province: "Seoul",
			ProvinceCode: "KR-11", Country: "South Korea", CountryCode: "KR"}, "대한민국|06000|서울특별시 강남구|예시로 12|안유진"},
		{bellhop.Address{Name: "민준", Address1: "예시로 3", City: "수원시", Zip: "16400", Province: "Gyeonggi",
			ProvinceCode: "KR-41", Country: "South Korea", CountryCode: "KR"}, "대한민국|16400|경기도 수원시|예시로 3|민준"},
		{bellhop.Address{Name: "陳小華", Address1: "範例路一段7號", City: "台北市大安區", Zip: "106", Province: "Taipei City",
			ProvinceCode: "TPE", Country: "Taiwan", CountryCode: "TW"}, "台灣|106|台北市大安區|範例路一段7號|陳小華"},
		{bellhop.Address{City: "那覇市", ProvinceCode: "JP-47", CountryCode: "JP"}, "日本|沖縄県那覇市"},
		{bellhop.Address{Name: "王小明", Address1: "建国路88号", City: "朝阳区", Zip: "100022", Province: "北京市", Country: "中国",
			CountryCode: "CN"}, "中国|100022|北京市朝阳区|建国路88号|王小明"},
		{bellhop.Address{Name: "陳小華", Address1: "信義路五段7號", City: "信義區", Zip: "110", Province: "台北市", Country: "台灣",
			CountryCode: "TW"}, "台灣|110|台北市信義區|信義路五段7號|陳小華"},
		{bellhop.Address{Name: "Jo Lee", Company: "Lee & Co", Address1: "12 Example St", Address2: "Unit 4", City: "Portland",
			Zip: "97201", Province: "Oregon", ProvinceCode: "OR", Country: "United States", CountryCode: "US"},
			"Jo Lee|Lee & Co|12 Example St|Unit 4|Portland OR 97201|United States"},
		{bellhop.Address{Name: "Max Muster", Address1: "Beispielweg 3", City: "Berlin", Zip: "10115", Country: "Germany",
			CountryCode: "DE"}, "Max Muster|Beispielweg 3|10115 Berlin|Germany"},
		{bellhop.Address{Name: "Ana García", Address1: "Calle Ejemplo 1", City: "Madrid", Zip: "28013", Province: "Madrid",
			Country: "Spain", CountryCode: "ES"}, "Ana García|Calle Ejemplo 1|28013 Madrid|Spain"},
		{bellhop.Address{Name: "Anna Bianchi", Address1: "Via Esempio 5", City: "Milano", Zip: "20121", Province: "Milano",
			ProvinceCode: "MI", Country: "Italy", CountryCode: "IT"}, "Anna Bianchi|Via Esempio 5|20121 Milano MI|Italy"},
		{bellhop.Address{Name: "Jo Lee", Address1: "1 Example Road", City: "London", Zip: "N1 9GU", Province: "England",
			Country: "United Kingdom", CountryCode: "GB"}, "Jo Lee|1 Example Road|London|N1 9GU|United Kingdom"},
		// What is withheld leaves no gap.
		{bellhop.Address{City: "Portland", CountryCode: "US"}, "Portland|US"},
		{bellhop.Address{Province: "Kyoto", CountryCode: "JP"}, "JP|Kyoto"},
		{bellhop.Address{}, ""},
	} {
		if got := strings.Join(postal(&c.address), "|"); got != c.want {
			t.Errorf("%s, not %s", got, c.want)
		}
	}
	for phone, want := range map[string]string{"+82 10-1234-5678": "tel:+821012345678", "(503) 555 0142": "tel:5035550142",
		"ext": "", "": "", "1+2+3": "", masked: ""} {
		if got := string(tel(phone)); got != want {
			t.Errorf("%q becomes %q, not %q", phone, got, want)
		}
	}
}

// What simulate sells adds up in any column, and needs no line for a difference when it was placed.
func TestSumsOfSimulatedOrders(t *testing.T) {
	all, err := simulate.Generate(simulate.ShopifyOptions{Secret: "s", Seed: 17, Updates: 0.7,
		Shops: []string{"a.myshopify.com", "b.myshopify.com"}, Orders: 1500})
	if err != nil {
		t.Fatal(err)
	}
	orders, lines := 0, map[string]int{}
	for d := range all {
		f, ok := d.Fact(d.Event(bellhop.EventID{}, d.TriggeredAt))
		if !ok || f.Order == nil {
			continue
		}
		orders++
		sum, placed := bellhop.Money{Currency: f.Order.Total.Currency}, true
		for _, l := range sumOf(f.Order) {
			lines[l.id]++
			switch {
			case l.kind == sumPart && l.id == "rest" && placed:
				t.Fatalf("%s has a difference of %v: %s", f.Order.Name, l.amount, d.Body)
			case l.kind == sumPart:
				sum, _ = sum.Add(l.amount)
			case l.kind == sumTotal:
				if rest, _ := sum.Sub(l.amount); rest.Units != 0 {
					t.Fatalf("%s: %s is %v, and the lines above it %v", f.Order.Name, l.id, l.amount, sum)
				}
				placed = false
			}
		}
	}
	for _, id := range []string{"items", "discounts", "shipping", "tax", "taxIncluded", "tips", "refunded", "edited",
		"now", "outstanding"} {
		if lines[id] == 0 {
			t.Errorf("of %d orders none has %s: %v", orders, id, lines)
		}
	}
}
