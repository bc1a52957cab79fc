// Package bench measures bellhop as its users run it: it starts the binary as a
// child process, loads it over loopback, and sets what it sees beside what
// a bare net/http handler does on the same machine in the same minutes.
//
// [Load] is the generator: closed loop, where each connection waits for its
// answer, or open loop, where requests are due at set times and a slow answer
// counts from when its request was due. [Run] is the whole measurement. It
// returns [Results], which are kept as JSON and from which [Results.WriteTable]
// draws.
//
// [Compare] measures bellhop as it is and one that does everything within the
// webhook's request, in turn, at rates up to where they fail. What it returns is
// kept likewise, and [Comparison.Words] says what it means.
package bench
