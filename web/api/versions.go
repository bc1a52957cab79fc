package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"bellhop"
	"bellhop/events"
	"bellhop/web"
)

// An ETag is "version.rest". The version is of the order itself and is in lists, too, whose orders may go into If-Match
// unread; the rest is of all that the answer has. Both are hashes of what the client gets, so that nothing has to be
// kept for them, and nothing can change without them.

// orderShape is an order of a list or of the stream.
func orderShape(o *bellhop.Order) Order {
	shape := events.OrderOf(o)
	return Order{shape, versionOf(shape)}
}

// versionOf leaves out what sending a push changes: nobody's change is lost by that.
func versionOf(shape events.Order) string {
	shape.Trace.PushedAt = nil
	return hashOf(shape)
}

// hashOf is long enough that no two states of one order ever share it.
func hashOf(v any) string {
	body, _ := json.Marshal(v) // shapes of ours
	sum := sha256.Sum256(body)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// wholeOrder is the answer that has an order by itself.
func wholeOrder(o *bellhop.Order) *orderBody {
	whole := WholeOrder{events.WholeOrderOf(o), orderShape(o).Version}
	return &orderBody{`"` + whole.Version + "." + hashOf(whole) + `"`, whole}
}

// A list of entity tags (RFC 9110, 8.8.3).
var (
	tagPattern  = regexp.MustCompile(`(W/)?"([\x21\x23-\x7e\x80-\xff]*)"`)
	tagsPattern = regexp.MustCompile(`^[ \t,]*` + tagPattern.String() + `([ \t]*,[ \t,]*(` + tagPattern.String() +
		`)?)*[ \t]*$`)
)

var errIfMatch = bellhop.Invalidf("if_match",
	`If-Match is an ETag, such as "q83vASNFZ4mrze8B" with its quotes, several of them, or *`)

const codeChanged = "changed_meanwhile"

var errNoMatch = bellhop.Errorf(bellhop.Outdated, codeChanged, "somebody else changed this order in the meantime")

// matching refuses to change an order that is another than the one that a client saw, by its If-Match; nil without one.
// A weak tag matches nothing: it says that the client doesn't know exactly.
func matching(who web.Principal, header string) (func(*bellhop.Order) error, error) {
	header = strings.TrimSpace(header)
	switch {
	case header == "" || header == "*":
		return nil, nil
	case !tagsPattern.MatchString(header):
		return nil, errIfMatch
	}
	saw := map[string]bool{}
	for _, t := range tagPattern.FindAllStringSubmatch(header, -1) {
		if version, _, _ := strings.Cut(t[2], "."); t[1] == "" {
			saw[version] = true
		}
	}
	return func(o *bellhop.Order) error {
		if !saw[orderShape(seenBy(who, o)).Version] {
			return errNoMatch
		}
		return nil
	}, nil
}

// hasTag reports whether an If-None-Match has a tag. What is no list of tags has none.
func hasTag(header, tag string) bool {
	header = strings.TrimSpace(header)
	if header == "*" {
		return true
	}
	if !tagsPattern.MatchString(header) {
		return false
	}
	for _, t := range tagPattern.FindAllStringSubmatch(header, -1) {
		if `"`+t[2]+`"` == tag {
			return true
		}
	}
	return false
}

// unchangedError is no error: the client has the answer.
type unchangedError struct{ tag string }

func (e *unchangedError) Error() string           { return http.StatusText(http.StatusNotModified) }
func (e *unchangedError) GetStatus() int          { return http.StatusNotModified }
func (e *unchangedError) GetHeaders() http.Header { return http.Header{"Etag": {e.tag}} }

// changedError says what an order is that somebody else changed.
type changedError struct {
	error
	handling bellhop.Handling
	tag      string
}

func (e *changedError) Unwrap() error { return e.error }
