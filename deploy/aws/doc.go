// Package aws holds what deploys bellhop to AWS, and no Go but its tests: the
// template, the state machine and the scripts behind make deploy-aws and make
// destroy-aws. docs/aws.md walks through it.
package aws
