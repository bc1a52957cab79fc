package bellhop

import "time"

// Settings are what a person chose. The zero value of a field is its default.
type Settings struct {
	Language string `json:"language,omitempty"` // BCP 47; "" is what the browser or the device says
	Timezone string `json:"timezone,omitempty"` // IANA; "" likewise
}

// ParseTimezone accepts the names of the IANA database, and "".
func ParseTimezone(name string) (*time.Location, error) {
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, Invalidf("timezone", "%q is not a time zone: give an IANA name such as Europe/Berlin", clip(name, 80))
	}
	return loc, nil
}
