package api

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"bellhop"
	"bellhop/web"
)

const (
	heartbeat     = 15 * time.Second
	recheck       = 5 * time.Second // how long a credential counts before the stream checks it again
	streamWrite   = 10 * time.Second
	replayBatch   = 200
	replayBatches = 5 // a client that missed more loads afresh
)

type openStream struct {
	ShopParam
	LastEventID string `header:"Last-Event-ID" maxLength:"20" doc:"Resume after this event. Without one the stream begins now."`
	LastQuery   string `query:"last_event_id" maxLength:"20" doc:"The same, where the header can't be set."`
}

func (a *API) registerStream() {
	register(a, "open-stream", "GET "+web.StreamPath, huma.Operation{
		Summary: "Follow what changes, as server-sent events",
		Description: "Events are order.recorded and order.updated (data: the order as in lists, or " +
			`{"id","shop","deleted":true}), push.settled (data: the push) and reset (load afresh: what was ` +
			"asked for is no longer kept). An event's id is a sequence number that survives restarts; the " +
			"data is what holds when it is sent. A comment comes every 15 seconds.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The stream.",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: streamSchema(a.huma.OpenAPI())}},
		}},
	}, about(a.openStream))
}

func (a *API) openStream(ctx context.Context, who web.Principal, in *openStream) (*huma.StreamResponse, error) {
	last, err := in.last()
	if err != nil {
		return nil, err
	}
	l, pos, err := a.hub.join(ctx, who, false)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer a.hub.leave(l)
		r, w := humago.Unwrap(hc)
		s := &stream{api: a, who: who, l: l, w: w, rc: http.NewResponseController(w)}
		s.serve(r.Context(), last, pos)
	}}, nil
}

// Follow sends a page of the console the ids of changed orders, as server-sent events. It begins
// with the stream's position: a page that shows less reloads. So a page misses nothing however
// long it was away, and loads as often as it likes in a flood.
func (a *API) Follow(w http.ResponseWriter, r *http.Request, who web.Principal) error {
	l, pos, err := a.hub.join(r.Context(), who, true)
	if err != nil {
		return err
	}
	defer a.hub.leave(l)
	w.Header().Set("Cache-Control", "no-store")
	s := &stream{api: a, who: who, l: l, w: w, rc: http.NewResponseController(w)}
	s.serve(r.Context(), -1, pos)
	return nil
}

// last returns -1 when the client resumes nothing.
func (in *openStream) last() (int64, error) {
	s := cmp.Or(in.LastEventID, in.LastQuery)
	if s == "" {
		return -1, nil
	}
	return place(s, "last_event_id", "Last-Event-ID is the id of an event of this stream")
}

// stream is one open answer.
type stream struct {
	api *API
	who web.Principal
	l   *listener
	w   http.ResponseWriter
	rc  *http.ResponseController
}

// serve writes what came after last up to pos, and then what the hub sends. It
// ends when the client goes, is too slow, or loses its access, and at
// shutdown.
func (s *stream) serve(ctx context.Context, last, pos int64) {
	// The server's own timeouts are for requests that end. What a connection
	// does not support it does without.
	_ = s.rc.SetReadDeadline(time.Time{})
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	if s.write(ctx, []byte("retry: 3000\n\n")) != nil || s.begin(ctx, last, pos) != nil {
		return
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for checked := time.Now(); ; {
		var frames []byte
		select {
		case <-ctx.Done():
			return
		case f, ok := <-s.l.frames:
			if !ok {
				return
			}
			frames = f
		case <-tick.C:
			frames = []byte(": still here\n\n")
		}
		if now := time.Now(); now.Sub(checked) >= recheck {
			if !s.stillIn(ctx) {
				return
			}
			checked = now
		}
		if s.write(ctx, frames) != nil {
			return
		}
	}
}

// begin says where the stream goes on, and what the client missed. A brief listener compares
// pos with what it shows.
func (s *stream) begin(ctx context.Context, last, pos int64) error {
	if s.l.brief {
		return s.write(ctx, changedFrame(pos, changed{Orders: []string{}, Anew: true}))
	}
	return s.replay(ctx, last, pos)
}

// replay writes the changes in (last, pos].
func (s *stream) replay(ctx context.Context, last, pos int64) error {
	if last < 0 || last == pos {
		return s.write(ctx, idFrame(pos))
	}
	first, err := s.api.Store.FirstChange(ctx)
	if err != nil {
		return err
	}
	if last > pos || last < first-1 {
		return s.write(ctx, resetFrame(pos))
	}
	for range replayBatches {
		changes, err := s.api.Store.Changes(ctx, s.who.Shop, last, replayBatch)
		if err != nil {
			return err
		}
		missed := chunk{masks: s.l.masked}
		framer := newFramer(s.api.Store, replayBatch)
		for _, c := range changes {
			if c.Seq > pos {
				break
			}
			if err := framer.add(ctx, &missed, c); err != nil {
				return err
			}
			last = c.Seq
		}
		frames := missed.bytes(pos, s.l.masked)
		if len(changes) < replayBatch || changes[len(changes)-1].Seq > pos {
			return s.write(ctx, append(frames, idFrame(pos)...))
		}
		if err := s.write(ctx, frames); err != nil {
			return err
		}
	}
	return s.write(ctx, resetFrame(pos))
}

// orderEvent begins an event with an order.
var orderEvent = []byte("\nevent: order.")

func (s *stream) write(ctx context.Context, frames []byte) error {
	s.api.reads.note(ctx, s.who, bytes.Count(frames, orderEvent))
	_ = s.rc.SetWriteDeadline(time.Now().Add(streamWrite))
	defer func() { _ = s.rc.SetWriteDeadline(time.Time{}) }() // with HTTP/2 it would end an idle stream
	if _, err := s.w.Write(frames); err != nil {
		return err
	}
	return s.rc.Flush()
}

// stillIn reports whether the credential still opens this shop. Trouble of ours
// is no reason to end a stream.
func (s *stream) stillIn(ctx context.Context) bool {
	p, err := s.api.Auth.Identify(ctx, s.who.Credential)
	if err == nil {
		p, err = p.About(s.who.Shop)
	}
	switch bellhop.KindOf(err) {
	case bellhop.Unauthenticated, bellhop.NotFound, bellhop.Invalid:
		return false
	}
	return err != nil || p.Shop == s.who.Shop
}
