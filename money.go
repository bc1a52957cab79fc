package bellhop

import (
	"math"
	"math/bits"
	"strings"
)

// Money is an exact amount. It is never a float: an amount is a whole number of
// the currency's smallest unit, or of a still smaller one where Shopify sent
// more digits than the currency has.
type Money struct {
	Units    int64  // the amount times 10^Digits
	Digits   uint8  // decimals; at least those of the currency
	Currency string // ISO 4217, upper case, or whatever else Shopify sends, such as USDC
}

// maxDigits keeps a parsed amount well inside int64.
const maxDigits = 18

// ParseMoney reads a decimal such as "403.00" or "-5.5" exactly. Zeros beyond
// the currency's own digits go; other digits stay. Of a currency that ISO does not know all digits
// stay as written.
func ParseMoney(amount, currency string) (Money, error) {
	bad := func() (Money, error) {
		return Money{}, Invalidf("money", "%q is not an amount of money", Clip(amount, 40))
	}
	digits, neg := amount, false
	if strings.HasPrefix(digits, "-") {
		digits, neg = digits[1:], true
	}
	whole, frac, point := strings.Cut(digits, ".")
	if whole == "" || point && frac == "" || currency == "" {
		return bad()
	}
	want, known := isoDigits(currency)
	if !known {
		want = len(frac)
	}
	for len(frac) > want && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	whole = strings.TrimLeft(whole[:len(whole)-1], "0") + whole[len(whole)-1:]
	scale := max(want, len(frac))
	if len(whole)+scale > maxDigits {
		return bad()
	}
	var units int64
	for _, part := range [2]string{whole, frac} {
		for i := range len(part) {
			c := part[i] - '0'
			if c > 9 {
				return bad()
			}
			units = units*10 + int64(c)
		}
	}
	for range scale - len(frac) {
		units *= 10
	}
	if neg {
		units = -units
	}
	return Money{Units: units, Digits: uint8(scale), Currency: currency}, nil
}

// String returns the decimal alone, in the currency's own digits: "403.00",
// "19800".
func (m Money) String() string {
	var b [24]byte
	i := len(b)
	u := uint64(m.Units)
	if m.Units < 0 {
		u = -u
	}
	for n := 0; n <= int(m.Digits) || u > 0; n++ {
		if n == int(m.Digits) && n > 0 {
			i--
			b[i] = '.'
		}
		i--
		b[i] = byte('0' + u%10)
		u /= 10
	}
	if m.Units < 0 {
		i--
		b[i] = '-'
	}
	return string(b[i:])
}

// Add returns the sum. ok is false when the currencies differ or the sum would
// not fit.
func (m Money) Add(n Money) (sum Money, ok bool) {
	if m.Currency != n.Currency {
		return Money{}, false
	}
	for m.Digits < n.Digits {
		if m.Units > math.MaxInt64/10 || m.Units < math.MinInt64/10 {
			return Money{}, false
		}
		m.Units, m.Digits = m.Units*10, m.Digits+1
	}
	if n.Digits < m.Digits {
		return n.Add(m)
	}
	s := m.Units + n.Units
	if (s > m.Units) != (n.Units > 0) && n.Units != 0 || !fits(s) {
		return Money{}, false
	}
	return Money{Units: s, Digits: m.Digits, Currency: m.Currency}, true
}

// Sub returns the difference, as [Money.Add] does the sum.
func (m Money) Sub(n Money) (Money, bool) {
	n.Units = -n.Units
	return m.Add(n)
}

// Times returns n times m. ok is false when it would not fit.
func (m Money) Times(n int64) (product Money, ok bool) {
	high, low := bits.Mul64(uint64(max(m.Units, -m.Units)), uint64(max(n, -n)))
	if high != 0 || low > math.MaxInt64 || !fits(int64(low)) {
		return Money{}, false
	}
	m.Units *= n
	return m, true
}

// fits reports whether [ParseMoney] would read so many units again.
func fits(units int64) bool {
	const bound = 1_000_000_000_000_000_000 // 10^maxDigits
	return units > -bound && units < bound
}

// AtLeast reports whether m is no less than a decimal amount in its own currency. A text that is no
// amount counts as more than any.
func (m Money) AtLeast(amount string) bool {
	n, err := ParseMoney(amount, m.Currency)
	if err != nil {
		return false
	}
	rest, ok := m.Sub(n)
	if !ok { // one exceeds the range of the other's digits
		return m.Units > 0
	}
	return rest.Units >= 0
}

// CurrencyDigits returns how many decimals a currency has: two, unless ISO 4217
// says otherwise.
func CurrencyDigits(currency string) int {
	if digits, known := isoDigits(currency); known {
		return digits
	}
	return 2
}

// isoDigits returns the decimals of a currency of ISO 4217, or of one that was in it lately.
func isoDigits(currency string) (digits int, known bool) {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF",
		"UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0, true
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3, true
	case "CLF", "UYW":
		return 4, true
	case "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BMD",
		"BND", "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF", "CHW", "CNY", "COP",
		"COU", "CRC", "CUC", "CUP", "CVE", "CZK", "DKK", "DOP", "DZD", "EEK", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP",
		"GBP", "GEL", "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF", "IDR", "ILS", "INR", "IRR",
		"JMD", "KES", "KGS", "KHR", "KPW", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "LTL", "LVL", "MAD", "MDL",
		"MGA", "MKD", "MMK", "MNT", "MOP", "MRO", "MRU", "MUR", "MVR", "MWK", "MXN", "MXV", "MYR", "MZN", "NAD", "NGN",
		"NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD",
		"SCR", "SDG", "SEK", "SGD", "SHP", "SKK", "SLE", "SLL", "SOS", "SRD", "SSP", "STD", "STN", "SVC", "SYP", "SZL",
		"THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "USN", "UYU", "UZS", "VED", "VEF", "VES",
		"WST", "XAD", "XCD", "XCG", "YER", "ZAR", "ZMW", "ZWG", "ZWL":
		return 2, true
	}
	return 0, false
}
