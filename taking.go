package bellhop

import "time"

// Taken says who has an order.
type Taken struct {
	By    int64  // a person
	Email string // "" once they left the shop
	At    time.Time
}

// RotaStep is what somebody or bellhop did so that a person has an order.
type RotaStep struct {
	At     time.Time `json:"at"`
	Kind   StepKind  `json:"kind"`
	Person int64     `json:"person,omitempty"` // 0 for a step about nobody or everybody
	Email  string    `json:"-"`                // theirs; "" once they left the shop
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"` // of [StepNobody]: when somebody comes on duty
}

// StepKind is the kind of a step.
type StepKind string

// The kinds of steps.
const (
	StepRung       StepKind = "rung"           // it rang one person
	StepRungAll    StepKind = "rung_all"       // it rang all who are on duty
	StepNobody     StepKind = "nobody_on_duty" // it waits for somebody
	StepPassedOver StepKind = "passed_over"    // whom it can't ring
	StepTaken      StepKind = "taken"
	StepReleased   StepKind = "released"
	StepEnded      StepKind = "ended" // it rings nobody any more
)

// Why ringing ends.
const (
	EndedTaken      = "taken"
	EndedHandled    = "handled"
	EndedCancelled  = "cancelled"
	EndedRanThrough = "ran_through" // everybody was rung
	EndedRotaOff    = "rota_off"
)

// MaxRotaSteps bounds the steps of an order.
const MaxRotaSteps = 100
