package api

import (
	"regexp"
	"strings"

	"bellhop/web"
)

// inWords says in plain words what the library found wrong with a request. For what isn't in
// the list it keeps the library's words.
func inWords(message string) string {
	for _, w := range libraryWords {
		if w.said.MatchString(message) {
			return w.said.ReplaceAllString(message, w.words)
		}
	}
	return message
}

type wording struct {
	said  *regexp.Regexp
	words string
}

var libraryWords = func() (all []wording) {
	for _, pair := range [][2]string{
		{`invalid date/time for format .*|expected string to be RFC 3339 date-time`,
			"give a date and time such as 2026-11-22T09:00:00Z or 2026-11-22T18:00:00+09:00"},
		{`invalid integer|expected integer`, "give a whole number"},
		{`expected number`, "give a number"},
		{`invalid boolean|expected boolean`, "give true or false"},
		{`expected string`, "give a string"},
		{`expected object`, "give an object: {…}"},
		{`expected array`, "give a list: […]"},
		{`expected number >= (.+)`, "give $1 or more"},
		{`expected number <= (.+)`, "give $1 or less"},
		{`expected array length >= (.+)`, "give at least $1"},
		{`expected array length <= (.+)`, "give at most $1"},
		{`expected length >= 1`, "it is empty"},
		{`expected length >= (.+)`, "it is too short: at least $1 characters"},
		{`expected length <= (.+)`, "it is too long: at most $1 characters"},
		{`expected value to be one of "(.+)"`, "give one of $1"},
		{`expected required property (.+) to be present`, "$1 is missing"},
		{`required (\w+) parameter is missing`, "it is missing"},
		{`expected string to be (.+)`, "give $1"},
		{`unexpected property`, "there is no such field"},
		{`unknown query parameter`, "there is no such parameter"},
		{`request body is required`, "the request has no body: send JSON"},
		{`request body is too large limit=\d+ bytes`, "the body is too large: at most 64 KB"},
		{`unknown content type.*`, "send JSON, with the header Content-Type: application/json"},
		{`unexpected end of JSON input|invalid character .*`, "this is not JSON"},
	} {
		all = append(all, wording{regexp.MustCompile(`^(?:` + pair[0] + `)$`), pair[1]})
	}
	return all
}()

// problemWords is the detail for the first fault. It names the part of the request, unless the
// words do.
func problemWords(e web.FieldError) string {
	if _, name, _ := strings.Cut(e.Location, "."); name != "" {
		return name + ": " + e.Message
	}
	return e.Message
}
