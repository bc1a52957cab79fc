// Shows pushes to this browser, and reports to bellhop that they came.
"use strict";
importScripts("/assets/subscription.js");

// Which device this browser is, and the key that it subscribes with: browser.js wrote
// them into this worker's address.
const own = new URL(location).searchParams;

// about names the shop, since a person may have several.
const about = (data) => data.shop ? "?shop=" + encodeURIComponent(data.shop) : "";

function receipt(data, event) {
  if (!data.push_id) return Promise.resolve();
  return fetch("/v1/pushes/" + data.push_id + "/receipt" + about(data), {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ event }),
  }).catch(() => {});
}

self.addEventListener("push", (e) => {
  const { title, body, tag, data } = e.data.json();
  const silent = data?.level === "silent";
  e.waitUntil(Promise.all([
    self.registration.showNotification(title, {
      body, data: data || {}, icon: "/assets/icon-192.png", tag: tag || undefined, 
      renotify: Boolean(tag) && !silent, silent,
    }),
    receipt(data || {}, "received"),
  ]));
});

// show brings the page to the front: the tab that has it, or else one that can go there
// without losing a form's content, or else a new one.
async function show(path, query) {
  const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const at = (tab) => new URL(tab.url).pathname;
  const tab = tabs.find((t) => at(t) === path) || tabs.find((t) => !/^\/(settings|signin|docs)/.test(at(t)));
  if (!tab) return self.clients.openWindow(path + query);
  try {
    await tab.focus();
    if (at(tab) !== path) await tab.navigate(path + query);
  } catch {
    await self.clients.openWindow(path + query);
  }
}

self.addEventListener("notificationclick", (e) => {
  e.notification.close();
  const { order_id, kind } = e.notification.data;
  const path = order_id ? "/orders/" + order_id : kind === "shop.disconnected" ? "/shop" : "/"; // to connect it again
  e.waitUntil(Promise.all([show(path, about(e.notification.data)), receipt(e.notification.data, "opened")]));
});

// A new version takes over at once: only tabs of its own can be sent elsewhere.
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (e) => e.waitUntil(self.clients.claim()));

// renew gives bellhop this browser's subscription, unless bellhop knows it.
async function renew(known) {
  if (!own.get("installation")) return known; // registered by an earlier version
  const { pushManager } = self.registration;
  const subscription = await pushManager.getSubscription() ||
    await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: own.get("key") });
  if (subscription.endpoint === known) return known;
  const answer = await enroll(own.get("installation"), subscription);
  return answer.ok ? subscription.endpoint : known;
}

self.addEventListener("pushsubscriptionchange", (e) => e.waitUntil(renew("").catch(() => {})));

// Each page asks: the browser may have changed it silently, or while nobody was signed in.
self.addEventListener("message", (e) => e.waitUntil(
  renew(e.data.rings).then((rings) => e.source.postMessage({ rings })).catch(() => {})));
