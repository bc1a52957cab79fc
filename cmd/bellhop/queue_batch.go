package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/wire"
)

const (
	// longestLine has room for the largest body in base64, and for headers.
	longestLine = bellhop.MaxBody/3*4 + 1<<20
	// wrongShown bounds the wrong lines that the error names.
	wrongShown = 10
	// sendEvents and sendBytes bound what goes to the queue at once.
	sendEvents, sendBytes = 100, 4 << 20
)

// batch is a file of webhooks that others kept.
type batch struct {
	path     string
	from     int // the first line that counts
	acceptor *pipeline.Acceptor
}

func (c *queueSendCmd) sendBatch(j *job) error {
	switch {
	case c.File != "-" || c.Shop != "" || c.Topic != "":
		return bellhop.Invalidf("flags", "--batch takes the shop, the topic and the body from the file: give it alone")
	case c.From < 1:
		return bellhop.Invalidf("from", "--from is %d: lines begin with 1", c.From)
	}
	current, previous, err := (&wire.Shopify{ShopifySecret: c.ShopifySecret}).AppSecrets()
	if err != nil {
		return err
	}
	return closing(func(p *wire.Parts) error {
		keys := pipeline.NewKeyring(p.Store, current, previous)
		if err := keys.Refresh(j.ctx); err != nil {
			return err
		}
		b := &batch{c.Batch, c.From, &pipeline.Acceptor{Keys: keys, Now: j.now}}
		n, err := b.check()
		if err != nil {
			return err
		}
		return b.send(j, p.Queue, n)
	})(c.Open(j.ctx, j.patientOptions()))
}

// check reads the whole file, and returns the number of its events.
func (b *batch) check() (n int, err error) {
	var wrong []string
	more := 0
	err = b.each(func(line int, e *bellhop.Event, err error) error {
		switch {
		case err == nil:
			n++
		case len(wrong) < wrongShown:
			wrong = append(wrong, fmt.Sprintf("line %d: %v", line, err))
		default:
			more++
		}
		return nil
	})
	if err != nil || len(wrong) == 0 {
		return n, err
	}
	text := strings.Join(wrong, "; ")
	if more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return n, bellhop.Invalidf("batch", "%s: nothing was sent; correct these lines, or take them out", text)
}

// send sends the events, some at a time.
func (b *batch) send(j *job, q queue.Producer, total int) error {
	p := j.progress()
	defer p.end()
	var held []*bellhop.Event
	size, sent, next := 0, 0, b.from
	flush := func(line int) error {
		if err := q.Send(j.ctx, held...); err != nil {
			return fmt.Errorf("%s of %d sent, and perhaps some of the next %d; go on with --from %d: %w",
				plural(sent, "event"), total, len(held), next, err)
		}
		sent, size, held, next = sent+len(held), 0, nil, line+1
		done := fmt.Sprintf("sent %d of %s", sent, plural(total, "event"))
		p.show(done, done, false)
		return nil
	}
	last := b.from - 1
	err := b.each(func(line int, e *bellhop.Event, err error) error {
		if err != nil { // somebody changed the file
			return fmt.Errorf("line %d: %w; %s sent: go on with --from %d", line, err, plural(sent, "event"), next)
		}
		held, size, last = append(held, e), size+len(e.Body), line
		if len(held) < sendEvents && size < sendBytes {
			return nil
		}
		return flush(line)
	})
	if err == nil && len(held) > 0 {
		err = flush(last)
	}
	return j.said(err, "Sent %s.", plural(sent, "event"))
}

// each calls fn with the event of each line, or with why there is none. Its own error ends it.
func (b *batch) each(fn func(line int, e *bellhop.Event, err error) error) error {
	f, err := openFile(b.path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		line, err := readLine(in)
		if err == io.EOF {
			return nil
		}
		if err != nil && bellhop.KindOf(err) != bellhop.TooLarge {
			return bellhop.Invalidf("file", "can't read the batch at line %d: %v", n, err)
		}
		if n < b.from || err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var e *bellhop.Event
		if err == nil {
			e, err = b.event(line)
		}
		if err := fn(n, e, err); err != nil {
			return err
		}
	}
}

// readLine returns a line, which is not kept when it is too long.
func readLine(in *bufio.Reader) (line []byte, err error) {
	long := false
	for {
		part, err := in.ReadSlice('\n')
		if long = long || len(line)+len(part) > longestLine; !long {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF && (len(line) > 0 || long):
		case err != nil:
			return nil, err
		}
		if long {
			return nil, bellhop.Errorf(bellhop.TooLarge, "line", "it has more than %d bytes", longestLine)
		}
		return line, nil
	}
}

// exported is a line of a batch.
type exported struct {
	Headers map[string]json.RawMessage `json:"headers"`
	Body    json.RawMessage            `json:"body"`
	Base64  []byte                     `json:"body_base64"`
}

func (b *batch) event(line []byte) (*bellhop.Event, error) {
	var in exported
	if err := json.Unmarshal(line, &in); err != nil { // whose text may quote the line
		return nil, bellhop.Invalidf("line", `it is no {"headers":{…},"body":"…"} in JSON`)
	}
	body := in.Base64
	if in.Body != nil {
		var text string
		if json.Unmarshal(in.Body, &text) != nil || body != nil {
			return nil, bellhop.Invalidf("line", "its body is no text with the raw bytes, which Shopify signed; "+
				"body_base64 in its place has them in base64")
		}
		body = []byte(text)
	}
	h, err := headersOf(in.Headers)
	if err != nil {
		return nil, err
	}
	return b.acceptor.Open(h, body)
}

// headersOf reads values that are texts or lists of texts.
func headersOf(in map[string]json.RawMessage) (http.Header, error) {
	h := http.Header{}
	for name, raw := range in {
		var one string
		var several []string
		if json.Unmarshal(raw, &one) == nil {
			several = []string{one}
		} else if json.Unmarshal(raw, &several) != nil {
			return nil, bellhop.Invalidf("line", "its header %q is neither a text nor a list of texts", bellhop.Clip(name, 60))
		}
		for _, value := range several {
			h.Add(name, value)
		}
	}
	return h, nil
}
