package bench

import "bellhop/bench/prices"

// MemoryGB is each function's memory, as in deploy/aws/bellhop.yaml.
const MemoryGB = 0.25

// ExpressGB is the least memory that an Express execution is billed for.
const ExpressGB = 0.0625

// Account sums up the use of AWS while it carried orders.
type Account struct {
	Orders      int                `json:"orders"`
	Requests    map[string]int     `json:"sqs_requests"`   // by operation
	Empty       int                `json:"empty_receives"` // of them
	Invocations map[string]int     `json:"invocations"`    // by function
	Billed      map[string]float64 `json:"billed_ms"`      // by function; each invocation in whole ms, without inits
	Executions  int                `json:"executions"`     // of the state machine
	Transitions int                `json:"transitions"`    // of all of them
	Steps       int                `json:"express_100_ms"` // that Express ones took, each rounded up
}

func newAccount() *Account {
	return &Account{Requests: map[string]int{}, Invocations: map[string]int{}, Billed: map[string]float64{}}
}

// dollars is the cost of an order, beyond free tiers.
func (a *Account) dollars(p *prices.Table, m mode) float64 {
	sum := float64(a.Orders) * p.SQSFairMessage.Dollars
	for _, n := range a.Requests {
		sum += float64(n) * p.SQSRequest.Dollars
	}
	for name, n := range a.Invocations {
		sum += float64(n)*p.LambdaRequest.Dollars + a.Billed[name]/1000*MemoryGB*p.LambdaGBSecond.Dollars
	}
	switch m {
	case modeExpress:
		sum += float64(a.Executions)*p.ExpressRequest.Dollars + float64(a.Steps)*0.1*ExpressGB*p.ExpressGBSecond.Dollars
	case modeStandard:
		sum += float64(a.Transitions) * p.StandardTransition.Dollars
	}
	return sum / float64(max(a.Orders, 1))
}
