// Package check checks the files that deploy bellhop by the rules of the programs that read them,
// none of which runs here: BuildKit's parser and linter for the Dockerfile, Compose's own loader,
// Helm's own engine and linter, and Kubernetes' types. It writes their results to testdata, and the
// tests in deploy run the commands and settings from there.
//
//	go test . -update
package check
