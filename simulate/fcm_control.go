package simulate

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// SetFaults changes the shares of messages that meet faults.
func (f *FCM) SetFaults(faults Faults) {
	f.locked(func() { f.faults = maps.Clone(faults) })
}

// SetBroken makes every message meet a 503, or ends that.
func (f *FCM) SetBroken(broken bool) {
	f.locked(func() { f.broken = broken })
}

// locked runs fn while nothing else happens.
func (f *FCM) locked(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

// Unregister makes a device's address one that the app has left: 404 from now
// on.
func (f *FCM) Unregister(device string) { f.answerAlways(device, unregistered()) }

// Mismatch makes a device's address one of another project: 403 from now on.
func (f *FCM) Mismatch(device string) { f.answerAlways(device, senderMismatch()) }

func (f *FCM) answerAlways(device string, e *fcmError) {
	f.locked(func() { f.gone[device] = e })
}

// RevokeTokens makes all access tokens useless, as when a service account's key
// is withdrawn; new ones are given out.
func (f *FCM) RevokeTokens() { f.accounts.revoke() }

// Sent returns the last messages that were taken for phones, oldest first.
func (f *FCM) Sent() (all []Sent) {
	f.locked(func() { all = f.phones.all() })
	return all
}

// Drawer returns the notifications that a device's owner sees, in order of first appearance.
func (f *FCM) Drawer(device string) []Slot {
	now := f.opt.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.phones.byDevice[device]
	if p == nil {
		return nil
	}
	f.phones.settle(p, now)
	return p.drawer()
}

// Counts returns the counters.
func (f *FCM) Counts() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.phones.counts
	c.Answers = maps.Clone(c.Answers)
	return c
}

// routeOwn adds the twin's own endpoints, which FCM has no like of.
func (f *FCM) routeOwn() {
	f.mux.HandleFunc("GET /_/sent", f.serveSent)
	f.mux.HandleFunc("GET /_/drawer", func(w http.ResponseWriter, r *http.Request) {
		slots := f.Drawer(r.FormValue("device"))
		if slots == nil {
			slots = []Slot{}
		}
		writeJSON(w, http.StatusOK, map[string]any{"slots": slots})
	})
	f.mux.HandleFunc("GET /_/counts",
		func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, f.Counts()) })
	f.mux.HandleFunc("POST /_/faults", f.serveFaults)
}

// serveSent lists what phones got, newest last; limit and device narrow it.
func (f *FCM) serveSent(w http.ResponseWriter, r *http.Request) {
	sent := f.Sent()
	if device := r.FormValue("device"); device != "" {
		sent = slices.DeleteFunc(sent, func(s Sent) bool { return s.Device != device })
	}
	if limit, err := strconv.Atoi(r.FormValue("limit")); err == nil && limit >= 0 && limit < len(sent) {
		sent = sent[len(sent)-limit:]
	}
	writeJSON(w, http.StatusOK, map[string]any{"sent": sent, "counts": f.Counts()})
}

// serveFaults takes {"faults":"503=1%","broken":false}; a missing field stays unchanged. It
// requires JSON, which a page of another origin can't send without a preflight.
func (f *FCM) serveFaults(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Faults *string `json:"faults"`
		Broken *bool   `json:"broken"`
	}
	if r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "send application/json", http.StatusUnsupportedMediaType)
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil {
		http.Error(w, `send {"faults":"503=1%","broken":false}`, http.StatusBadRequest)
		return
	}
	if in.Faults != nil {
		faults, err := ParseFaults(*in.Faults)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f.SetFaults(faults)
	}
	if in.Broken != nil {
		f.SetBroken(*in.Broken)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"faults": f.faults.String(), "broken": f.broken})
}
