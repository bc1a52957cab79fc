package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bellhop"
)

// Fault is a way in which the FCM twin fails.
type Fault string

// The faults.
const (
	FaultMismatch     Fault = "403"          // SENDER_ID_MISMATCH: the token belongs to another project
	FaultQuota        Fault = "429"          // QUOTA_EXCEEDED, with Retry-After
	FaultInternal     Fault = "500"          // INTERNAL
	FaultGateway      Fault = "502"          // HTML instead of JSON, as FCM's front sends it
	FaultUnavailable  Fault = "503"          // UNAVAILABLE
	FaultAmbiguous    Fault = "ambiguous"    // the phone gets it, the answer is 503
	FaultHang         Fault = "hang"         // the phone gets it, and no answer ever comes
	FaultUnregistered Fault = "unregistered" // the app is gone from this phone, from now on

	// FaultGrant is of requests for access tokens, and no message's: the service
	// account is refused, as when its key is off or the clock wrong.
	FaultGrant Fault = "invalid_grant"
)

// allFaults is in the order in which they are drawn.
var allFaults = []Fault{
	FaultMismatch, FaultQuota, FaultInternal, FaultGateway, FaultUnavailable,
	FaultAmbiguous, FaultHang, FaultUnregistered,
}

// Faults are the shares of messages, from 0 to 1, that meet each fault.
type Faults map[Fault]float64

// ParseFaults reads "429=1%,503=0.5%,ambiguous=1%"; "" is none.
func ParseFaults(s string) (Faults, error) {
	f := Faults{}
	sum := 0.0
	for part := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		fault := Fault(strings.TrimSpace(name))
		if fault != FaultGrant && !slices.Contains(allFaults, fault) {
			return nil, bellhop.Invalidf("faults", "%q is not a fault: give some of %s, such as 503=1%%", string(fault),
				faultNames())
		}
		share, err := ParseShare(value)
		if err != nil {
			return nil, err
		}
		f[fault] = share
	}
	for _, name := range allFaults {
		sum += f[name]
	}
	if sum > 1 {
		return nil, bellhop.Invalidf("faults", "the faults add up to %v%%: give 100%% at most", sum*100)
	}
	return f, nil
}

// String returns what [ParseFaults] reads.
func (f Faults) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		parts = append(parts, fmt.Sprintf("%s=%s%%", name, strconv.FormatFloat(f[name]*100, 'g', 6, 64)))
	}
	return strings.Join(parts, ",")
}

// draw returns the fault that u, from 0 to 1, falls on; "" is none.
func (f Faults) draw(u float64) Fault {
	for _, name := range allFaults {
		if u -= f[name]; u < 0 {
			return name
		}
	}
	return ""
}

func faultNames() string {
	names := []string{string(FaultGrant)}
	for _, f := range allFaults {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// ParseShare reads "5%" or "0.05".
func ParseShare(s string) (float64, error) {
	text := strings.TrimSpace(s)
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, bellhop.Invalidf("share", "%q is not a share: give one such as 5%%", text)
	}
	return v, nil
}

// ParseRate reads how many a second: "100/s", "100" or "30/m".
func ParseRate(s string) (float64, error) {
	number, unit, _ := strings.Cut(strings.TrimSpace(s), "/")
	v, err := strconv.ParseFloat(number, 64)
	per, ok := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	if err != nil || !ok || !(v >= 0 && v <= 1e9) {
		return 0, bellhop.Invalidf("rate", "%q is not a rate: give one such as 100/s", s)
	}
	return v / per, nil
}
