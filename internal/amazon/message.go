package amazon

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"bellhop"
	"bellhop/internal/envelope"
)

// Message is an event as a message of SQS. Its body is the webhook's body wherever SQS takes it, so
// that AWS's console and other consumers of the queue can read it. State machines pass it on as JSON.
type Message struct {
	Body       string            `json:"body"`
	Attributes map[string]string `json:"attributes"` // all of SQS's type String
	// Sent is when SQS took a message that bellhop did not send; zero if unknown.
	Sent time.Time `json:"sent,omitzero"`
}

// The attributes' names.
const (
	AttrEvent  = envelope.Name // all of the event but its body
	AttrCoding = "coding"      // how the body is written; absent when as it came
)

// The values of [AttrCoding].
const (
	codingZstd = "zstd" // compressed, then base64
	codingRef  = "s3"   // the body is a [RefError] in JSON
)

// MaxMessage is SQS's limit for one message and for one batch: the body and each attribute's name,
// type and value.
const MaxMessage = 1 << 20

// deadRoom is left free in a message, so that it can become a dead letter with
// the attributes of one.
const deadRoom = 4 << 10

// RefError says that the body of a message is kept in a bucket.
type RefError struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"` // of the body, in hex
}

func (r *RefError) Error() string {
	return fmt.Sprintf("the body is in the bucket %s under %s", r.Bucket, r.Key)
}

// Encode returns the message for an event, with its body as it is or
// compressed; bellhop.TooLarge if neither fits. [Codec] knows one way more.
func Encode(e *bellhop.Event) (Message, error) { return encode(e, MaxMessage) }

func encode(e *bellhop.Event, limit int) (Message, error) {
	m, err := bare(e)
	if err != nil {
		return m, err
	}
	if len(e.Body) > bellhop.MaxBody {
		return m, tooLarge(e, bellhop.MaxBody)
	}
	if room := limit - deadRoom - m.Size(); Legal(e.Body) && len(e.Body) <= room {
		m.Body = string(e.Body)
		return m, nil
	}
	m = m.compressed(e.Body)
	if m.Size() > limit-deadRoom {
		return m, tooLarge(e, limit)
	}
	return m, nil
}

func tooLarge(e *bellhop.Event, limit int) error {
	return bellhop.Errorf(bellhop.TooLarge, "body_size",
		"a body has %d bytes: that does not fit into a message of %d bytes", len(e.Body), limit)
}

// bare returns a message that lacks the body.
func bare(e *bellhop.Event) (Message, error) {
	meta, err := envelope.Marshal(e)
	return Message{Attributes: map[string]string{AttrEvent: escape(meta)}}, err
}

// escape writes the two characters that JSON allows and SQS refuses in JSON's
// other way.
func escape(s string) string {
	return strings.NewReplacer("\uFFFE", `\ufffe`, "\uFFFF", `\uffff`).Replace(s)
}

// Legal reports whether SQS takes b as a message's body: at least one byte of
// UTF-8, without the characters that XML 1.0 leaves out.
func Legal(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 || r == 0xFFFE || r == 0xFFFF {
			return false
		}
		i += n
	}
	return true
}

// Ours reports whether bellhop sent a message.
func (m Message) Ours() bool {
	_, there := m.Attributes[AttrEvent]
	return there
}

// SentAt returns a copy with the time at which SQS took it, in milliseconds as SQS writes it. An event of bellhop's own
// has a time.
func (m Message) SentAt(millis string) Message {
	if ms, err := strconv.ParseInt(millis, 10, 64); err == nil && !m.Ours() {
		m.Sent = time.UnixMilli(ms).UTC()
	}
	return m
}

// packed returns the body of a message that bellhop did not send: as it is, or compressed as bellhop does.
func (m Message) packed() ([]byte, error) {
	switch coding := m.Attributes[AttrCoding]; coding {
	case "":
		return []byte(m.Body), nil
	case codingZstd:
		return decompress(m.Body)
	default:
		return nil, bellhop.Invalidf("message_coding", "the message's coding is %q: leave it out, or give zstd", clip(coding))
	}
}

// Size is the message's size in terms of [MaxMessage].
func (m Message) Size() int {
	n := len(m.Body)
	for name, value := range m.Attributes {
		n += len(name) + len("String") + len(value)
	}
	return n
}

// BodySize returns the size of the event's body as the message states it, without unpacking or
// fetching it.
func (m Message) BodySize() int {
	switch m.Attributes[AttrCoding] {
	case "":
		return len(m.Body)
	case codingZstd:
		// a header has 18 bytes at most
		beginning, _ := base64.StdEncoding.DecodeString(m.Body[:min(len(m.Body), 24)/4*4])
		var h zstd.Header
		if h.Decode(beginning) == nil && h.HasFCS {
			return int(min(h.FrameContentSize, bellhop.MaxBody))
		}
	case codingRef:
		var ref RefError
		if json.Unmarshal([]byte(m.Body), &ref) == nil && ref.Bytes >= 0 {
			return min(ref.Bytes, bellhop.MaxBody)
		}
	}
	return bellhop.MaxBody
}

// Compressed returns the same event with its body compressed, for a stand-in or
// a proxy that refuses more characters than SQS does. ok is false when the body
// was not as it came.
func (m Message) Compressed() (c Message, ok bool) {
	if m.Attributes[AttrCoding] != "" {
		return m, false
	}
	return m.compressed([]byte(m.Body)), true
}

func (m Message) compressed(body []byte) Message {
	out := m.with(AttrCoding, codingZstd)
	out.Body = base64.StdEncoding.EncodeToString(encoder().EncodeAll(body, nil))
	return out
}

// with returns a copy with one attribute more.
func (m Message) with(name, value string) Message {
	attrs := make(map[string]string, len(m.Attributes)+1)
	maps.Copy(attrs, m.Attributes)
	attrs[name] = value
	return Message{Body: m.Body, Attributes: attrs, Sent: m.Sent}
}

// Both are without state between calls, and may be called from many goroutines
// at once. They are made at the first use: most processes never meet a body that
// needs one.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		return made(zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)))
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		return made(zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(bellhop.MaxBody)))
	})
)

func made[T any](t T, err error) T {
	if err != nil {
		panic(err) // the options are right or nothing works
	}
	return t
}

// Decode returns the event in a message, with the body byte for byte. It returns an error of kind
// bellhop.Invalid for a message that bellhop did not send; a [*RefError] together with the event,
// without its body, when the body is in a bucket; and an error that may pass for a message of a
// later version.
func Decode(m Message) (*bellhop.Event, error) {
	text, there := m.Attributes[AttrEvent]
	e, err := envelope.Unmarshal(text, there)
	if err != nil {
		return nil, err
	}
	switch coding := m.Attributes[AttrCoding]; coding {
	case "":
		e.Body = []byte(m.Body)
		return e, nil
	case codingZstd:
		e.Body, err = decompress(m.Body)
		return e, err
	case codingRef:
		return reference(e, m.Body)
	default:
		return nil, fmt.Errorf("the body's coding %s is unknown: bring this bellhop up to date", strconv.Quote(clip(coding)))
	}
}

func decompress(text string) ([]byte, error) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		var body []byte
		if body, err = decoder().DecodeAll(packed, []byte{}); err == nil {
			return body, nil
		}
	}
	return nil, bellhop.Invalidf("message_body", "the message's body can't be decompressed: %v", err)
}

func reference(e *bellhop.Event, text string) (*bellhop.Event, error) {
	ref := new(RefError)
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(ref); err != nil || ref.Bucket == "" || ref.Key == "" || len(ref.SHA256) != 64 {
		return nil, bellhop.Invalidf("message_body", "the message's reference to its body can't be read")
	}
	return e, ref
}

// clip shortens other programs' texts for an error.
func clip(s string) string { return bellhop.Clip(s, 40) }
