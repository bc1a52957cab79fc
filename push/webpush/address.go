package webpush

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/SherClockHolmes/webpush-go"

	"bellhop"
	"bellhop/push"
)

// authBytes is how long a subscription's secret is (RFC 8291).
const authBytes = 16

// subscription reads a device's address, which is a PushSubscription as browsers
// write it in JSON.
func (s *Sender) subscription(d bellhop.Device) (*webpush.Subscription, error) {
	if d.Kind != bellhop.AddressWebPush {
		return nil, &push.Error{Reason: push.ReasonRefused,
			Cause: fmt.Errorf("browsers have addresses of kind webpush, not %q", string(d.Kind))}
	}
	bad := func(what string) (*webpush.Subscription, error) {
		return nil, &push.Error{Reason: push.ReasonBadAddress, Cause: errors.New("the subscription " + what)}
	}
	var sub webpush.Subscription
	if json.Unmarshal([]byte(d.Value), &sub) != nil {
		return bad("is no JSON of a PushSubscription")
	}
	u, err := url.Parse(sub.Endpoint)
	if err != nil || u.Host == "" || u.User != nil ||
		u.Scheme != "https" && !(s.options.Private && u.Scheme == "http") {
		return bad("has no https address")
	}
	if !s.options.Private && !perhapsPublic(u) {
		return bad("has an address that no push service has")
	}
	if point, err := decode(sub.Keys.P256dh); err != nil {
		return bad("has no key p256dh")
	} else if _, err := ecdh.P256().NewPublicKey(point); err != nil {
		return bad("has a key p256dh that is none")
	}
	if auth, err := decode(sub.Keys.Auth); err != nil || len(auth) != authBytes {
		return bad("has no secret auth")
	}
	return &sub, nil
}

// decode reads base64 of either alphabet, padded or not, as browsers differ.
func decode(s string) ([]byte, error) {
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	return base64.RawURLEncoding.DecodeString(s)
}

// topic names the slot that a message has at the service while the browser is away:
// at most 32 characters of base64. Equal tags have equal topics.
func topic(tag string) string {
	if tag == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(tag))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

var errPrivate = errors.New("the push service's address is not a public one of the Internet")

func newClient(private bool) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if !private {
		dialer.Control = publicOnly
	}
	return &http.Client{Transport: push.NewTransport(dialer, 256, 64), CheckRedirect: push.NoRedirect}
}

// notPublic are networks that netip's own words leave out.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"),  // carriers' own
	netip.MustParsePrefix("64:ff9b::/96"),   // IPv4 behind a translator
	netip.MustParsePrefix("192.0.0.0/24"),   // protocols' own
	netip.MustParsePrefix("198.18.0.0/15"),  // benchmarks
	netip.MustParsePrefix("64:ff9b:1::/48"), // translators' own
	netip.MustParsePrefix("2002::/16"),      // IPv4 inside IPv6
	netip.MustParsePrefix("2001::/23"),      // protocols' own, and IPv4 inside IPv6
	netip.MustParsePrefix("2001:db8::/32"),  // documentation's, and the three of IPv4
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),   // relays
	netip.MustParsePrefix("168.63.129.16/32"), // the host's agent on Azure
	netip.MustParsePrefix("fec0::/10"),        // sites' own, once
	netip.MustParsePrefix("::/96"),            // IPv4 written as IPv6
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("240.0.0.0/4"),
}

// httpsPort is where browser makers' services are.
const httpsPort = 443

// perhapsPublic reports whether a push service could be at u. Only a lookup shows where a name
// leads.
func perhapsPublic(u *url.URL) bool {
	a, err := netip.ParseAddr(u.Hostname())
	return (u.Port() == "" || u.Port() == strconv.Itoa(httpsPort)) && (err != nil || isPublic(a))
}

// publicOnly refuses to connect into private networks, so that no address of a device leads bellhop
// there.
func publicOnly(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || to.Port() != httpsPort || !isPublic(to.Addr()) {
		return errPrivate
	}
	return nil
}

func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(a) })
}
