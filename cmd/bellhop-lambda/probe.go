//go:build !traps

package main

import "bellhop/pipeline"

// probe returns none: only a test build fails on purpose.
func probe() pipeline.Probe { return nil }
