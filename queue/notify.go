package queue

import "strings"

const notifySuffix = "-notify"

// NotifyName returns the name of the queue beside another, through which those
// who record tell those who push that pushes are owed. The store knows all that
// such a message can say: what becomes of one that is settled, or given up, is of
// no interest.
func NotifyName(name string) string { return name + notifySuffix }

// IsNotify reports whether a name is one that [NotifyName] returns.
func IsNotify(name string) bool { return strings.HasSuffix(name, notifySuffix) }
