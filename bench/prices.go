package bench

// Prices are what AWS charges, in US dollars.
type Prices struct {
	Region string `json:"region"`
	As     string `json:"as_of"`
	// SQS, standard queues: each request, in which 64 KiB count as one, and what
	// fair queues add for each message.
	SQSRequest float64 `json:"sqs_request"`
	SQSFair    float64 `json:"sqs_fair_message"`
	// Lambda on arm64.
	LambdaRequest  float64 `json:"lambda_request"`
	LambdaGBSecond float64 `json:"lambda_gb_second"`
	// Step Functions.
	StandardTransition float64 `json:"standard_transition"`
	ExpressRequest     float64 `json:"express_request"`
	ExpressGBSecond    float64 `json:"express_gb_second"` // in steps of 64 MB and 100 ms
}

// prices are those of us-east-1. Free tiers are left out: SQS and Lambda a million
// requests each, Lambda 400,000 GB-s, Standard 4,000 transitions a month.
//
// SQS: https://cloudburn.io/blog/amazon-sqs-pricing, 2026-03-14.
// Lambda: AWS's page as read on 2026-09-20, and infracost's of 2026.
// Step Functions: https://www.wring.co/blog/aws-step-functions-pricing-guide, 2026-03-14.
var prices = Prices{
	Region: "us-east-1", As: "2026-09",
	SQSRequest: 0.40e-6, SQSFair: 0.10e-6,
	LambdaRequest: 0.20e-6, LambdaGBSecond: 0.0000133334,
	StandardTransition: 0.025e-3, ExpressRequest: 1.00e-6, ExpressGBSecond: 0.00001667,
}

// memoryGB is what each function has, as in deploy/aws/bellhop.yaml.
const memoryGB = 0.25

// expressGB is the least memory that an Express execution is billed for.
const expressGB = 0.0625

// account is what carrying orders took.
type account struct {
	Orders      int                `json:"orders"`
	Requests    map[string]int     `json:"sqs_requests"`   // by operation
	Empty       int                `json:"empty_receives"` // of them
	Invocations map[string]int     `json:"invocations"`    // by function
	Billed      map[string]float64 `json:"billed_ms"`      // by function; each invocation in whole ms, without inits
	Executions  int                `json:"executions"`     // of the state machine
	Transitions int                `json:"transitions"`    // of all of them
	Steps       int                `json:"express_100_ms"` // that Express ones took, each rounded up
}

func newAccount() *account {
	return &account{Requests: map[string]int{}, Invocations: map[string]int{}, Billed: map[string]float64{}}
}

// dollars is what it cost, by an order.
func (a *account) dollars(p *Prices, m mode) float64 {
	sum := float64(a.Orders) * p.SQSFair
	for _, n := range a.Requests {
		sum += float64(n) * p.SQSRequest
	}
	for name, n := range a.Invocations {
		sum += float64(n)*p.LambdaRequest + a.Billed[name]/1000*memoryGB*p.LambdaGBSecond
	}
	switch m {
	case modeExpress:
		sum += float64(a.Executions)*p.ExpressRequest + float64(a.Steps)*0.1*expressGB*p.ExpressGBSecond
	case modeStandard:
		sum += float64(a.Transitions) * p.StandardTransition
	}
	return sum / float64(max(a.Orders, 1))
}
