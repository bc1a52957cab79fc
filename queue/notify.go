package queue

import "strings"

const notifySuffix = "-notify"

// NotifyName returns the name of the queue beside another over which recording workers wake
// push workers. The store knows all that such a message can say, so nobody needs a settled
// or dead one.
func NotifyName(name string) string { return name + notifySuffix }

// IsNotify reports whether [NotifyName] made a name.
func IsNotify(name string) bool { return strings.HasSuffix(name, notifySuffix) }
