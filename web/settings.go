package web

import (
	"context"
	"slices"
	"strings"

	"bellhop"
	"bellhop/i18n"
	"bellhop/store"
)

// ChangeSettings changes what somebody chose, and returns it. An error's code names the field.
func ChangeSettings(ctx context.Context, s store.People, person int64, change func(*bellhop.Settings)) (
	now bellhop.Settings, err error) {
	err = s.UpdateSettings(ctx, person, func(s *bellhop.Settings) error {
		was := s.Language
		change(s)
		if zone := bellhop.GuessTimezone(s.Timezone); zone != "" {
			s.Timezone = zone
		}
		now = *s
		if s.Language == was {
			return nil
		}
		return checkLanguage(s.Language)
	})
	return now, err
}

// checkLanguage refuses a language that bellhop doesn't speak.
func checkLanguage(code string) error {
	var codes []string
	for _, l := range i18n.Languages() {
		codes = append(codes, l.Code)
	}
	if code != "" && !slices.Contains(codes, code) {
		return bellhop.Invalidf("language", "%q is no language of bellhop's: give one of %s, or nothing for the phone's",
			bellhop.Clip(code, 40), strings.Join(codes, ", "))
	}
	return nil
}
