package web

import "net/http"

// follow tells a page which orders of its shop changed, as server-sent events, and
// begins with where the stream is: a page that shows less loads anew what it shows.
// So nothing is missed however long a page was away, and a page asks as often as it
// likes whatever the flood.
func (c *console) follow(v *visit) error {
	l, pos, err := c.hub.join(v.Context(), v.who, true)
	if err != nil {
		return err
	}
	defer c.hub.leave(l)
	v.w.Header().Set("Cache-Control", "no-store")
	s := &stream{api: c.api, who: v.who, l: l, w: v.w, rc: http.NewResponseController(v.w)}
	s.serve(v.Context(), -1, pos)
	return nil
}
