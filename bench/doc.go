// Package bench measures bellhop as its users run it: it starts the binary as a
// child process, loads it over loopback, and compares it with a bare net/http
// handler on the same machine in the same minutes.
//
// [Load] is the generator: closed loop, where each connection waits for its
// answer, or open loop, where requests are due at set times and a slow answer
// counts from when its request was due. [Run] is the whole measurement. It
// returns [Results], which JSON keeps and [Results.WriteTable] draws.
//
// [Compare] measures bellhop as it is, one that does everything within the webhook's
// request, and one that does it in the background after the answer, in turn, at rates
// up to where they fail. It also kills each, and counts what is lost. JSON keeps its results,
// too, and [Comparison.Words] says what they mean.
package bench
