package bench

// Answer is what a comparison says, as rates in orders a second.
type Answer struct {
	// SameUpTo is the highest rate at which nobody can tell inline from queued;
	// 0 when there is none.
	SameUpTo float64 `json:"same_up_to"`
	// FeltFrom is from where owners feel inline; 0 when that was not reached.
	FeltFrom float64 `json:"felt_from"`
	// LostFrom is from where inline passes Shopify's 5 s or refuses webhooks; 0 when
	// that was not reached.
	LostFrom float64 `json:"lost_from"`
	// QueuedUpTo is the highest measured rate at which queued keeps what bellhop
	// promises, and QueuedFailsFrom the next, at which it does not; 0 when that was
	// not reached.
	QueuedUpTo      float64 `json:"queued_up_to"`
	QueuedFailsFrom float64 `json:"queued_fails_from"`
	// Peak is the busiest second of the user's own traffic; 0 when it is not known.
	Peak float64 `json:"peak"`
}

// Answer finds what the points say.
func (c *Comparison) Answer() Answer { return Answer{} }

// Words says it in sentences, the shortest and most important first.
func (c *Comparison) Words() []string { return nil }
