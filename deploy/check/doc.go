// Package check holds what deploys bellhop against the rules of the programs that
// will read it, none of which runs here: BuildKit's parser and linter for the
// Dockerfile, Compose's own loader, Helm's own engine and linter, and Kubernetes'
// types. It keeps what they make of these files in testdata, from where the tests
// in deploy take the commands and settings that they run.
//
//	go test . -update
package check
