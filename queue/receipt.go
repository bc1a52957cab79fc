package queue

import (
	"strconv"
	"strings"
)

// NumberedReceipt is a receipt for an event of a lease, for drivers that number
// both.
func NumberedReceipt(lease, seq int64) Receipt {
	b := strconv.AppendInt(make([]byte, 0, 40), lease, 10)
	b = append(b, '.')
	return Receipt(strconv.AppendInt(b, seq, 10))
}

// Numbers returns what a receipt was made of. They are zeros, which name no lease,
// for what [NumberedReceipt] did not make.
func (r Receipt) Numbers() (lease, seq int64) {
	l, s, _ := strings.Cut(string(r), ".")
	lease, err1 := strconv.ParseInt(l, 10, 64)
	seq, err2 := strconv.ParseInt(s, 10, 64)
	if err1 != nil || err2 != nil {
		return 0, 0
	}
	return lease, seq
}
