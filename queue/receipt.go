package queue

import (
	"strconv"
	"strings"
)

// NumberedReceipt makes a receipt, for drivers that number leases and events.
func NumberedReceipt(lease, seq int64) Receipt {
	b := strconv.AppendInt(make([]byte, 0, 40), lease, 10)
	b = append(b, '.')
	return Receipt(strconv.AppendInt(b, seq, 10))
}

// ReceiptsOf returns the receipts of verdicts.
func ReceiptsOf(verdicts []Settlement) []Receipt {
	out := make([]Receipt, len(verdicts))
	for i, v := range verdicts {
		out[i] = v.Receipt
	}
	return out
}

// Numbers returns the numbers in a receipt. They are zeros, which name no lease,
// unless [NumberedReceipt] made it.
func (r Receipt) Numbers() (lease, seq int64) {
	l, s, _ := strings.Cut(string(r), ".")
	lease, err1 := strconv.ParseInt(l, 10, 64)
	seq, err2 := strconv.ParseInt(s, 10, 64)
	if err1 != nil || err2 != nil {
		return 0, 0
	}
	return lease, seq
}
