// One stream of changes for all tabs: a browser opens no more than six connections to a
// server over HTTP/1.1, and a stream holds one. As a shared worker this passes each change
// to every tab; in browsers without shared workers each tab opens its own stream.
"use strict";

// openStream calls report with each event, until somebody calls the returned function.
function openStream(url, report) {
  let events, again;
  const open = () => {
    events = new EventSource(url);
    events.addEventListener("open", () => report({ kind: "open" }));
    events.addEventListener("changed", (e) => report({ kind: "changed", id: Number(e.lastEventId), ...JSON.parse(e.data) }));
    events.addEventListener("error", () => {
      const closed = events.readyState === EventSource.CLOSED;
      report({ kind: "lost", closed });
      // Not everybody comes back at once.
      if (closed) again = setTimeout(open, 2000 + Math.random() * 3000);
    });
  };
  open();
  return () => { clearTimeout(again); events.close(); };
}

const streams = new Map(); // by address

function follow(port, url) {
  let s = streams.get(url);
  if (!s) {
    streams.set(url, s = { ports: new Set(), seen: [] });
    s.close = openStream(url, (what) => {
      if (what.kind !== "changed") s.seen = [what];
      // A page that comes later learns the stream's position, and whether it is behind.
      else s.seen = [{ kind: "open" }, { kind: "changed", id: what.id, orders: [] }];
      s.ports.forEach((p) => p.postMessage(what));
    });
  }
  s.ports.add(port);
  s.seen.forEach((what) => port.postMessage(what));
}

function leave(port) {
  streams.forEach((s, url) => {
    if (!s.ports.delete(port) || s.ports.size) return;
    s.close();
    streams.delete(url);
  });
}

if ("onconnect" in self) {
  self.onconnect = ({ ports: [port] }) => {
    port.onmessage = ({ data }) => data ? follow(port, data) : leave(port);
  };
}
