package rabbit

const Stall = stall

func (t Target) Password() string { return t.password }
