package store

import (
	"encoding/json"
	"fmt"

	"bellhop"
)

// CheckSettings refuses what nobody can live by.
func CheckSettings(s bellhop.Settings) error {
	_, err := bellhop.ParseTimezone(s.Timezone)
	return err
}

// WriteSettings returns a person's settings as drivers keep them.
func WriteSettings(s bellhop.Settings) string {
	if s == (bellhop.Settings{}) {
		return ""
	}
	b, _ := json.Marshal(s) // plain fields
	return string(b)
}

// ReadSettings returns what [WriteSettings] was given.
func ReadSettings(kept string) (s bellhop.Settings, err error) {
	if kept == "" {
		return s, nil
	}
	if err := json.Unmarshal([]byte(kept), &s); err != nil {
		return s, fmt.Errorf("read a person's settings: %w", err)
	}
	return s, nil
}
