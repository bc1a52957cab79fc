package fcmpush_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"bellhop"
	"bellhop/push"
	"bellhop/push/pushtest"
)

func TestConformance(t *testing.T) {
	pushtest.Run(t, pushtest.Harness{
		Open:   openPeer,
		Proves: true,
		Kinds:  []bellhop.AddressKind{bellhop.AddressToken, bellhop.AddressFID},
	})
}

func openPeer(t *testing.T) pushtest.Peer {
	f := newFake(t)
	return pushtest.Peer{
		Sender: f.open(t),
		Sent: func() []pushtest.Sent {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.sent
		},
		Requests: func() int { _, n := f.counts(); return n },
		Answer:   f.answerReason,
		Hang: func() <-chan struct{} {
			arrived := make(chan struct{}, 100)
			f.set(func(_ http.ResponseWriter, r *http.Request, _ []byte) {
				arrived <- struct{}{}
				select {
				case <-f.ended:
				case <-r.Context().Done():
				}
			})
			return arrived
		},
		Down: f.Close,
	}
}

func (f *fake) answerReason(reason push.Reason) bool {
	status, code, field := 0, "", ""
	switch reason {
	case "":
		f.set(nil)
		return true
	case push.ReasonUnknown:
		f.set(drop)
		return true
	case push.ReasonUnregistered:
		status, code = http.StatusNotFound, "UNREGISTERED"
	case push.ReasonBadAddress:
		status, code, field = http.StatusBadRequest, "INVALID_ARGUMENT", "message.token"
	case push.ReasonRefused:
		status, code, field = http.StatusBadRequest, "INVALID_ARGUMENT", "message.android.ttl"
	case push.ReasonNotAllowed:
		status, code = http.StatusUnauthorized, "THIRD_PARTY_AUTH_ERROR"
	case push.ReasonQuota:
		status, code = http.StatusTooManyRequests, "QUOTA_EXCEEDED"
	case push.ReasonUnavailable:
		status, code = http.StatusServiceUnavailable, "UNAVAILABLE"
	}
	f.set(func(w http.ResponseWriter, _ *http.Request, raw []byte) {
		quoted, _ := json.Marshal(string(raw))
		w.Header().Set("Retry-After", fmt.Sprint(pushtest.RetryAfter.Seconds()))
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"code":%d,"message":%s,"status":"X","details":[
			{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":%q},
			{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":%q,"description":%s}]}]}}`,
			status, quoted, code, field, quoted)
	})
	return true
}
