// Shows what is pushed to this browser, and tells bellhop that it came.
"use strict";

function receipt(data, event) {
  if (!data.push_id) return Promise.resolve();
  return fetch("/v1/pushes/" + data.push_id + "/receipt", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ event }),
  }).catch(() => {});
}

self.addEventListener("push", (e) => {
  const { title, body, tag, data } = e.data.json();
  e.waitUntil(Promise.all([
    self.registration.showNotification(title, {
      body, data: data || {}, icon: "/assets/icon-192.png", tag: tag || undefined, renotify: Boolean(tag),
    }),
    receipt(data || {}, "received"),
  ]));
});

self.addEventListener("notificationclick", (e) => {
  e.notification.close();
  const { order_id } = e.notification.data;
  const path = order_id ? "/orders/" + order_id : "/";
  e.waitUntil(Promise.all([self.clients.openWindow(path), receipt(e.notification.data, "opened")]));
});
