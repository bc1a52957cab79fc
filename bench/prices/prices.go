// Package prices has the prices of the machines and services that bellhop runs on,
// in US dollars: one dated file, with the source of each price. A user can replace
// it.
package prices

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"time"

	"bellhop"
)

//go:embed prices.json
var file []byte

// Price is the price of one unit.
type Price struct {
	Dollars float64 `json:"dollars"`
	Unit    string  `json:"unit"`
	Free    float64 `json:"free_a_month,omitempty"` // units that cost nothing
	Source  string  `json:"source"`                 // with its date
}

// Of is the price of n units, beyond the free ones.
func (p Price) Of(n float64) float64 { return max(0, n-p.Free) * p.Dollars }

// Table is all prices.
type Table struct {
	AsOf   string `json:"as_of"` // 2006-01-02
	Region string `json:"region"`

	SQSRequest         Price `json:"sqs_request"`
	SQSFairMessage     Price `json:"sqs_fair_message"`
	PartnerEvent       Price `json:"partner_event"`
	LambdaRequest      Price `json:"lambda_request"`
	LambdaGBSecond     Price `json:"lambda_gb_second"`
	StandardTransition Price `json:"standard_transition"`
	ExpressRequest     Price `json:"express_request"`
	ExpressGBSecond    Price `json:"express_gb_second"`
	VM                 Price `json:"vm_month"`
	Server             Price `json:"server_month"`
	Disk               Price `json:"disk_gb_month"`
	Snapshot           Price `json:"snapshot_gb_month"`
	Address            Price `json:"address_month"`
	VMCredit           Price `json:"vm_credit_vcpu_hour"`
	PostgresCredit     Price `json:"postgres_credit_vcpu_hour"`
	PostgresSmall      Price `json:"postgres_small_month"`
	PostgresLarge      Price `json:"postgres_large_month"`
	PostgresDisk       Price `json:"postgres_gb_month"`
	RabbitMQ           Price `json:"rabbitmq_month"`
	Transfer           Price `json:"transfer_gb"`
	Zones              Price `json:"zone_gb"`
	CloudFront         Price `json:"cloudfront_request"`
	Logs               Price `json:"log_gb"`
	Secret             Price `json:"secret_month"`
	Alarm              Price `json:"alarm_month"`
	Metric             Price `json:"metric_month"`
	Dashboard          Price `json:"dashboard_month"`
}

// Today are the prices that bellhop was built with.
func Today() *Table {
	t, err := Read(bytes.NewReader(file))
	if err != nil {
		panic(err) // a test reads them
	}
	return t
}

// Default is the file that bellhop was built with, to start one's own from.
func Default() []byte { return bytes.Clone(file) }

// Read reads a file of prices: each has to be there, with its unit and source.
func Read(r io.Reader) (*Table, error) {
	var t Table
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return nil, bellhop.Invalidf("prices",
			"the prices can't be read: %v; bellhop-bench cost --show-prices prints a file to start from", err)
	}
	if _, err := time.Parse(time.DateOnly, t.AsOf); err != nil {
		return nil, bellhop.Invalidf("prices", "as_of must be the day of the prices, such as 2026-11-26, not %q", t.AsOf)
	}
	if t.Region == "" {
		return nil, bellhop.Invalidf("prices", "region is missing: say where the prices hold")
	}
	for name, p := range t.all() {
		if err := p.check(); err != nil {
			return nil, bellhop.Invalidf("prices", "%s: %v", name, err)
		}
	}
	return &t, nil
}

func (p Price) check() error {
	switch {
	case p.Unit == "" && p.Source == "":
		return fmt.Errorf("is missing: give dollars, unit and source")
	case p.Unit == "":
		return fmt.Errorf("unit is missing: say what it is the price of")
	case p.Source == "":
		return fmt.Errorf("source is missing: say where the price is from, and of which day")
	case p.Dollars < 0 || math.IsInf(p.Dollars, 0) || p.Free < 0:
		return fmt.Errorf("dollars and free_a_month must be 0 or more")
	}
	return nil
}

// all are the prices by the names in the file.
func (t *Table) all() map[string]*Price {
	prices := map[string]*Price{}
	v := reflect.ValueOf(t).Elem()
	for i := range v.NumField() {
		if p, ok := v.Field(i).Addr().Interface().(*Price); ok {
			prices[v.Type().Field(i).Tag.Get("json")] = p
		}
	}
	return prices
}

// WithoutFree returns the table for users whose free tiers are used up.
func (t *Table) WithoutFree() *Table {
	out := *t
	for _, p := range out.all() {
		p.Free = 0
	}
	return &out
}
