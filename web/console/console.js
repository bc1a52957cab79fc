// The pages work without this. With it they show changes by themselves, and forms that only
// change a list leave the page where it is. Customers' words never become markup: pages come
// whole from the server, which escapes them.
"use strict";

const main = document.getElementById("content");
const stream = main && main.dataset.live;

// The server writes times on this clock until somebody chooses another.
document.cookie = "bellhop_timezone=" + encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone) +
  "; path=/; max-age=31536000; samesite=lax";

// put replaces this page's part with an id by another page's.
function put(id, page) {
  const here = document.getElementById(id), there = page.getElementById(id);
  if (!here || !there || here.isEqualNode(there)) return;
  const focused = document.activeElement;
  const part = focused.closest("[data-key]") || here;
  const at = here.contains(focused) ? controls(part).indexOf(focused) : -1;
  const place = [...here.children].indexOf(part);
  if ("rows" in here.dataset) putRows(here, there);
  else here.replaceWith(document.adoptNode(there));
  if (at < 0 || document.activeElement === focused) return;
  if (focused.isConnected) return focused.focus({ preventScroll: true }); // it moved
  // The row that went left its place to the next one.
  const rows = [...here.children];
  const now = part === here ? there : rows.find((row) => row.dataset.key === part.dataset.key) || rows[Math.min(place, rows.length - 1)];
  goTo(now, at);
}

// controls are what somebody can reach by Tab in a part of the page.
const controls = (part) => [...part.querySelectorAll("a, button, input:not([type=hidden]), select, summary")].filter((c) => c.checkVisibility());

// goTo puts the focus on a control of a part, or on the last one where it has fewer.
function goTo(part, at, options = { preventScroll: true }) {
  const all = part ? controls(part) : [];
  (all[Math.min(at, all.length - 1)] || main).focus(options);
}

// putRows keeps the rows that are the same, so that focus, selection and place stay.
function putRows(here, there) {
  const old = new Map([...here.children].map((row) => [row.dataset.key, row]));
  const rows = [...there.children].map((row) => {
    const was = old.get(row.dataset.key);
    if (was && was.isEqualNode(row)) return was;
    const now = document.adoptNode(row);
    if (was) keep(was, now);
    else if (old.size && !old.has("none")) shine(now);
    return now;
  });
  // What goes, goes first: a row that moves loses the focus.
  [...here.children].filter((row) => !rows.includes(row)).forEach((row) => row.remove());
  rows.forEach((row, i) => {
    if (here.children[i] !== row) here.insertBefore(row, here.children[i] || null);
  });
}

function shine(row) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  row.animate([{ backgroundColor: "var(--fresh)" }, {}], { duration: 2400, easing: "ease-out" });
}

function keep(was, now) {
  const a = was.querySelector("input[type=checkbox]"), b = now.querySelector("input[type=checkbox]");
  if (a && b) b.checked = a.checked;
  const d = was.querySelector("details"), e = now.querySelector("details");
  if (d && e) e.open = d.open;
}

async function pageFrom(answer) {
  const url = new URL(answer.url);
  if (answer.redirected && url.pathname === "/signin") {
    location.assign("/signin?next=" + encodeURIComponent(location.pathname + location.search));
    return null;
  }
  if (!answer.ok) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

const parts = ["orders", "order", "pushes", "devices", "pages", "overview", ...[...document.querySelectorAll("[data-part]")].map((part) => part.id)];

function show(page) {
  const content = page.getElementById("content");
  if (content) main.dataset.seq = content.dataset.seq;
  parts.forEach((id) => put(id, page));
  countPicked();
}

// How many rows are picked, and one box for all of them.
const all = document.getElementById("all");
const boxes = () => [...document.querySelectorAll("#orders input[name=order]")];
function countPicked() {
  if (!all) return;
  const n = boxes().filter((box) => box.checked).length;
  const says = document.querySelector("[data-picked]");
  says.value = n ? says.dataset.picked.replace("%", n) : "";
  all.closest("p").hidden = boxes().length < 2;
  all.checked = n > 0 && n === boxes().length;
  all.indeterminate = n > 0 && !all.checked;
}
document.addEventListener("change", (e) => {
  if (e.target === all) boxes().forEach((box) => { box.checked = all.checked; });
  countPicked();
});
countPicked();

// drawn waits for the page's charts, which would be blank for a moment otherwise.
function drawn(page) {
  return Promise.all([...page.images].map((image) => {
    const chart = new Image();
    chart.src = image.src;
    return chart.decode().catch(() => {});
  }));
}

// look reloads the page: soon after a change, and then at most once a second. A search takes
// the server longer, so that its page reloads less often. A hidden page waits until it shows.
const rest = new URLSearchParams(location.search).get("q") ? 5000 : 1000;
let due = false, looking = false, last = 0;
function look(spread = 0) {
  due = true;
  if (looking || document.hidden) return;
  looking = true;
  setTimeout(async () => {
    due = false;
    last = Date.now();
    try {
      const page = await pageFrom(await fetch(location.href, { headers: { "X-Bellhop-Look": "1" } }));
      if (page) {
        await drawn(page);
        show(page);
      }
    } catch { /* the stream tells when the server is back */ }
    looking = false;
    if (due) look();
  }, Math.max(80, last + rest - Date.now()) + Math.random() * spread);
}
document.addEventListener("visibilitychange", () => { if (due) look(); });

function state(name) {
  const at = document.getElementById("state");
  if (!at || at.dataset.state === name) return;
  at.dataset.state = name;
  at.textContent = at.dataset[name];
}

// receive handles an event of the stream.
function receive(what) {
  if (what.kind === "changed") {
    const ahead = Number(main.dataset.seq) - what.id;
    if (ahead === 0 || ahead > 0 && !what.anew) return;
    const one = location.pathname.match(/^\/orders\/(\d+)$/);
    if (one && what.orders.length && !what.orders.includes(one[1])) return;
    look(what.spread);
    return;
  }
  state(what.kind === "open" ? "live" : "lost");
  if (what.closed) setTimeout(look, 2000 + Math.random() * 3000);
}

// One stream for all tabs where the browser has such a thing, or else one of this tab's.
if (stream && window.SharedWorker) {
  const { port } = new SharedWorker("/assets/stream.js");
  port.onmessage = (e) => receive(e.data);
  port.postMessage(stream);
  addEventListener("pagehide", () => port.postMessage(""));
  addEventListener("pageshow", (e) => { if (e.persisted) port.postMessage(stream); });
} else if (stream) {
  openStream(stream, receive);
}

// A browser with notifications sends its subscription, in case it changed.
const worker = navigator.serviceWorker;
function renew() {
  if (worker && worker.controller && !document.hidden) worker.controller.postMessage({ rings: localStorage.getItem("bellhop_rings") });
}
if (worker) {
  worker.onmessage = ({ data }) => { if (data.rings) localStorage.setItem("bellhop_rings", data.rings); };
  document.addEventListener("visibilitychange", renew);
  renew();
}
if (main && main.dataset.every) setInterval(() => look(), main.dataset.every * 1000);

// A form that changes only what this page shows.
document.addEventListener("submit", async (e) => {
  const form = e.target.closest("form[data-swap]");
  if (!form || !stream) return leaves(e);
  e.preventDefault();
  const place = placeOf(form);
  const body = new URLSearchParams(new FormData(form, e.submitter));
  const page = await fetch(form.action, { method: "POST", body }).then(pageFrom).catch(() => null);
  if (!page || !page.getElementById("content")) {
    delete form.dataset.swap;
    return form.requestSubmit(e.submitter);
  }
  document.querySelectorAll("input[name=order]:checked").forEach((box) => { box.checked = false; });
  show(page);
  document.getElementById("notice").replaceChildren(...page.getElementById("notice").childNodes);
  if (!document.activeElement.checkVisibility() || document.activeElement === document.body) goTo(place(), 0);
  fade();
});

// placeOf returns a function that finds the row which an action was about, for the focus, or the one in its
// place: the action's own button may be gone. Undoing names its orders.
function placeOf(form) {
  const undone = form.querySelector("[name=set][type=hidden]");
  const key = undone ? undone.value.split(".")[0] : document.querySelector("input[name=order]:checked")?.closest("[data-key]").dataset.key;
  const row = () => document.querySelector(`[data-key="${key}"]`);
  const at = row() ? [...row().parentElement.children].indexOf(row()) : 0;
  return () => row() || document.querySelector("[data-rows]")?.children[at] || document.querySelector("[data-rows]")?.lastElementChild ||
    document.querySelector("[data-swap-here] form");
}

// leaves notes the place of a form that loads its page anew, so that the focus comes back to it, or to what
// came into its place.
const left = "bellhop_left";
function leaves(e) {
  const part = e.submitter && (e.submitter.closest("li") || e.submitter);
  if (!main || !main.contains(part)) return;
  const at = controls(main).findIndex((c) => part.contains(c));
  sessionStorage.setItem(left, JSON.stringify({ at, path: location.pathname, title: document.title }));
}
function comeBack() {
  const place = JSON.parse(sessionStorage.getItem(left) || "{}");
  sessionStorage.removeItem(left);
  const wrong = document.querySelector("[aria-invalid]");
  if (wrong) wrong.focus();
  else if (main && place.path === location.pathname && place.title === document.title) goTo(main, place.at, {});
}
comeBack();

// Escape closes a menu, filters or a question, and gives the focus back to what opened it.
document.addEventListener("keydown", (e) => {
  const open = e.key === "Escape" && !e.defaultPrevented && e.target.closest("details[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

// The menu of shops covers the page: it closes when the focus goes on.
document.addEventListener("focusout", (e) => {
  const menu = e.target.closest(".switch");
  if (menu && e.relatedTarget && !menu.contains(e.relatedTarget)) menu.open = false;
});

// An action can be undone for some seconds, and while the focus or the pointer is on the notice.
let fading = 0;
function fade() {
  clearTimeout(fading);
  fading = setTimeout(() => {
    const notice = document.getElementById("notice");
    if (notice.matches(":hover, :focus-within")) fade();
    else notice.replaceChildren();
  }, 12000);
}
if (document.querySelector("#notice > *")) fade();

function notify(words) {
  const notice = document.createElement("div"), text = document.createElement("p");
  notice.className = "notice";
  text.textContent = words;
  notice.append(text);
  document.getElementById("notice").replaceChildren(notice);
  fade();
}

// Buttons that need a script show only with one.
document.documentElement.dataset.script = "";
document.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy], [data-print]");
  if (!button) return;
  if ("print" in button.dataset) return print();
  const part = document.getElementById(button.dataset.copy);
  getSelection().selectAllChildren(part);
  let done = true;
  try {
    await navigator.clipboard.writeText(part.innerText);
  } catch { // pages without TLS have no clipboard
    done = document.execCommand("copy");
  }
  if (done) getSelection().removeAllRanges();
  notify(done ? button.dataset.copied : button.dataset.byHand);
});
