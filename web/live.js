// The live page: rows come and change as the event stream tells. Text of
// a customer's is only ever set as text.
"use strict";

const live = document.getElementById("live");
const list = document.getElementById("orders");
const state = document.getElementById("state");
const drawer = document.getElementById("drawer");
const maxRows = 200;

function show(name, words) {
  state.dataset.state = name;
  state.textContent = words;
}

function rowOf(id) {
  return [...list.children].find((li) => li.dataset.id === id);
}

function fill(li, order) {
  const set = (name, text) => { li.querySelector("." + name).textContent = text; };
  li.dataset.id = order.id;
  set("name", order.name);
  set("total", order.total + " " + order.currency);
  set("customer", order.customer.name);
  set("handling", order.handling);
  li.querySelector(".handling").dataset.handling = order.handling;
  const placed = li.querySelector(".placed");
  if (order.placed_at) {
    placed.dateTime = order.placed_at;
    placed.textContent = order.placed_at.slice(0, 16).replace("T", " ");
  }
}

function recorded(order) {
  let li = rowOf(order.id);
  if (!li) {
    li = document.getElementById("row").content.firstElementChild.cloneNode(true);
    li.classList.add("fresh");
    list.prepend(li);
    while (list.children.length > maxRows) list.lastElementChild.remove();
    document.getElementById("empty").hidden = true;
  }
  fill(li, order);
}

function updated(order) {
  const li = rowOf(order.id);
  if (!li) return;
  if (order.deleted) li.remove();
  else fill(li, order);
}

function settled(push) {
  const li = rowOf(push.order);
  if (!li) return;
  const pushes = li.querySelector(".pushes");
  let badge = [...pushes.children].find((b) => b.dataset.push === push.id);
  if (!badge) {
    badge = document.createElement("span");
    badge.className = "push";
    badge.dataset.push = push.id;
    pushes.append(badge);
  }
  badge.dataset.status = push.status;
  badge.title = push.reason;
  badge.textContent = push.status;
  lookAtPhone();
}

let looking = 0;
function lookAtPhone() {
  if (!drawer || looking) return;
  looking = setTimeout(async () => {
    looking = 0;
    const answer = await fetch(drawer.dataset.url).catch(() => null);
    if (!answer || !answer.ok) return;
    const { slots } = await answer.json();
    drawer.replaceChildren(...slots.reverse().map((n) => {
      const li = document.getElementById("notification").content.firstElementChild.cloneNode(true);
      li.querySelector("strong").textContent = n.title;
      li.querySelector("span").textContent = n.body;
      return li;
    }));
  }, 300);
}

// The page is loaded afresh after a random while, so that not everybody comes
// back at once.
function reload() {
  setTimeout(() => location.reload(), 1000 + Math.random() * 4000);
}

const stream = new EventSource(live.dataset.stream + "&last_event_id=" + live.dataset.seq);
const on = (name, act) => stream.addEventListener(name, (e) => act(JSON.parse(e.data)));
on("order.recorded", recorded);
on("order.updated", updated);
on("push.settled", settled);
on("reset", reload);
stream.addEventListener("open", () => show("live", "live"));
stream.addEventListener("error", () => {
  show("lost", "connection lost, trying again");
  if (stream.readyState === EventSource.CLOSED) reload();
});
if (drawer) {
  lookAtPhone();
  setInterval(lookAtPhone, 3000);
}
