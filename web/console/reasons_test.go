package console

import (
	"testing"

	"bellhop"
	"bellhop/i18n"
	"bellhop/reconcile"
	"bellhop/store"
	"bellhop/web"
)

// The delivery log says in words, in each language, what a push was about and why it was not sent.
func TestWordsForEachReason(t *testing.T) {
	for _, l := range i18n.Languages() {
		v := &visit{frame: frame{Reader: Reader{Locale: i18n.For(l.Code)}}}
		for _, reason := range []string{store.ReasonNoDevice, store.ReasonOld, store.ReasonCancelled,
			store.ReasonDeviceRetired, store.ReasonDeviceRemoved, store.ReasonOrderDeleted, store.ReasonNotWanted,
			store.ReasonBelowAmount, store.ReasonStale, store.ReasonQuietHours, store.ReasonServiceAway,
			store.ReasonResent, store.ReasonUninstalled, store.ReasonBackfill,
			store.ReasonOnRota, store.ReasonTaken, store.ReasonHandled, store.ReasonSince} {
			if v.reason(reason) == reason {
				t.Errorf("%s has no words for %s", l.Name, reason)
			}
		}
		for _, reason := range []string{reconcile.ReasonIndexBehind, reconcile.ReasonQueueBehind, reconcile.ReasonQuery,
			reconcile.ReasonShopDisabled, reconcile.ReasonUninstalled, reconcile.ReasonTooLarge, web.ReasonNotRunning} {
			if v.refusal(reason) == reason {
				t.Errorf("%s has no words for %s", l.Name, reason)
			}
		}
		for _, kind := range []bellhop.PushKind{bellhop.PushOrderNew, bellhop.PushOrderPaid, bellhop.PushOrderCancelled,
			bellhop.RefundKind(929361465), bellhop.RingKind(2)} {
			if occasion, _ := kind.Split(); !v.Has(occasions[occasion]) {
				t.Errorf("%s has no words for %s", l.Name, kind)
			}
		}
	}
	v := &visit{frame: frame{Reader: Reader{Locale: i18n.For("ko")}}}
	if got := v.reason(store.ReasonCancelled); got != "들어왔을 때 이미 취소된 주문" {
		t.Error(got)
	}
}
