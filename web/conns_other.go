//go:build !unix

package web

func connsAllowed() int { return maxConns }
