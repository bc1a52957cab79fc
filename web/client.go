package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks whose forwarding headers count. The network of all addresses trusts
// whoever connects, and no address in a header: for a proxy whose own addresses change, where
// nobody else can connect.
type Proxies []netip.Prefix

func (p Proxies) trust(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(a) })
}

// trustHop reports whether an address in a header is a trusted proxy's.
func (p Proxies) trustHop(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Bits() > 0 && prefix.Contains(a) })
}

// Client returns the address that a request came from: in X-Forwarded-For the rightmost one that
// is no trusted proxy's. Anybody may have written those to its left.
func (p Proxies) Client(r *http.Request) netip.Addr {
	addr := peer(r)
	if !p.trust(addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if addr = hop.Unmap().WithZone(""); !p.trustHop(addr) {
			break
		}
	}
	return addr
}

// Client is where somebody signs in from.
type Client struct {
	Address netip.Addr
	Agent   string // see agentOf
}

// ClientOf returns whom a request came from.
func (p Proxies) ClientOf(r *http.Request) Client {
	return Client{p.Client(r), agentOf(r.UserAgent())}
}

// HTTPS reports whether the client's side of the connection is encrypted.
func (p Proxies) HTTPS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" && p.trust(peer(r))
}

func peer(r *http.Request) netip.Addr { return peerOf(r.RemoteAddr) }

func peerOf(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// Neighbourhood returns what limits count as one address: with IPv6 a whole /64, the smallest block
// that a provider hands out.
func Neighbourhood(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
