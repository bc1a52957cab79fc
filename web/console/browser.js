// Turns on notifications in this browser: it subscribes with its maker's push service, and
// bellhop keeps the subscription as a device.
"use strict";

const card = document.getElementById("browser");

function say(word) {
  card.querySelector("[role=status]").textContent = card.dataset[word];
  card.querySelector("button").hidden = word === "enabled" || word === "home";
}

// The installation's id stays the browser's own. The cookie names the device to remove when
// somebody signs out.
function installation() {
  let id = localStorage.getItem("bellhop_installation");
  if (!id) {
    id = "browser-" + crypto.randomUUID();
    localStorage.setItem("bellhop_installation", id);
  }
  document.cookie = "bellhop_installation=" + id + "; path=/; max-age=31536000; samesite=lax";
  return id;
}

async function subscribe() {
  await navigator.serviceWorker.register("/worker.js?" + new URLSearchParams({ installation: installation(), key: card.dataset.vapid }));
  const worker = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: card.dataset.vapid };
  try {
    return await worker.pushManager.subscribe(options);
  } catch (e) {
    if (e.name !== "InvalidStateError") throw e;
    const old = await worker.pushManager.getSubscription(); // of another key
    await old.unsubscribe();
    return worker.pushManager.subscribe(options);
  }
}

async function subscribeAndEnroll() {
  if (await Notification.requestPermission() !== "granted") return say("denied");
  try {
    const subscription = await subscribe();
    const answer = await enroll(installation(), subscription);
    if (answer.ok) localStorage.setItem("bellhop_rings", subscription.endpoint);
    say(answer.ok ? "enabled" : "failed");
    look(); // shows the device
  } catch {
    say("failed");
  }
}

// Safari on an iPhone or iPad allows notifications only to pages on the home screen.
const apple = /iPhone|iPad|iPod/.test(navigator.userAgent) || navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1;

if (apple && !navigator.standalone) {
  card.hidden = false;
  say("home");
} else if ("serviceWorker" in navigator && "PushManager" in window) {
  card.hidden = false;
  card.querySelector("button").addEventListener("click", subscribeAndEnroll);
  // Refresh the subscription, in case its address changed, unless its owner removed the device.
  const id = localStorage.getItem("bellhop_installation");
  const listed = id && document.querySelector(`#devices [data-key="${CSS.escape(id)}"]`);
  if (Notification.permission === "granted" && listed) subscribeAndEnroll();
}
