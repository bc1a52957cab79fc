import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { createBellhop, inMemory, type Keep, type Kept, Refused, type StreamEvent } from "bellhop-client";

const baseUrl = "https://bellhop.example.com";

interface Asked {
  call: string;
  headers: Headers;
  body: string;
}

type Answer = Response | Error | ((asked: Asked) => Response | Error | Promise<Response>);

// A server that answers by call; of several answers the last one stays.
function serverOf(answers: Record<string, Answer | Answer[]>) {
  const asked: Asked[] = [];
  async function fetch(url: string, init: RequestInit): Promise<Response> {
    const at = new URL(url);
    const one = { call: `${init.method} ${at.pathname}${at.search}`, headers: new Headers(init.headers), body: String(init.body) };
    asked.push(one);
    init.signal?.throwIfAborted();
    const found = answers[one.call] ?? answers[`${init.method} ${at.pathname}`];
    const next = Array.isArray(found) ? (found.length > 1 ? found.shift() : found[0]) : found;
    const answer = typeof next === "function" ? await next(one) : next;
    if (answer instanceof Error) throw answer;
    return answer?.clone() ?? problem(404, "not_found");
  }
  return { fetch, asked, count: (call: string) => asked.filter((one) => one.call.startsWith(call)).length };
}

const json = (status: number, body: unknown, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
const problem = (status: number, code: string, headers = {}) =>
  json(status, { type: "about:blank", title: "", status, code, detail: code }, headers);
const pair = (n: number) => ({ token: `t${n}`, refresh_token: `r${n}`, expires_at: "", shop: "demo", role: "owner" as const });
const byToken = (good: string, answer: unknown) => (asked: Asked) =>
  asked.headers.get("Authorization") === `Bearer ${good}` ? json(200, answer) : problem(401, "unauthenticated");

function keeping(kept: Kept | undefined) {
  const saved: (Kept | undefined)[] = [];
  const keep: Keep = {
    load: async () => kept,
    save: async (session) => {
      saved.push((kept = session));
    },
  };
  return { keep, saved };
}

test("what begins a session is kept, what ends it is forgotten", async () => {
  const { keep, saved } = keeping(undefined);
  const { fetch, asked } = serverOf({
    "POST /v1/sessions": json(200, pair(1)),
    "PUT /v1/me/password": json(200, pair(2)),
    "DELETE /v1/sessions/current": new Response(null, { status: 204 }),
  });
  const bellhop = createBellhop({ baseUrl: baseUrl + "/", keep, fetch });
  const { data } = await bellhop.POST("/v1/sessions", { body: { email: "jo@example.com", password: "p", refresh: true } });
  assert.equal(data?.token, "t1");
  await bellhop.PUT("/v1/me/password", { body: { current: "p", password: "q" } });
  await bellhop.DELETE("/v1/sessions/current", { params: { query: { device: "phone" } } });
  assert.deepEqual(saved, [pair(1), pair(2), undefined]);
  assert.deepEqual(asked.map((one) => one.headers.get("Authorization")), [null, "Bearer t1", "Bearer t2"]);
});

test("of calls that find a token run out, one refreshes", async () => {
  const { keep, saved } = keeping(pair(1));
  let late: (() => void) | undefined;
  const { fetch, asked, count } = serverOf({
    "GET /v1/counts": byToken("t2", { new: 1 }),
    "GET /v1/me": byToken("t2", { id: "1" }),
    "GET /v1/settings": async (one) => {
      if (!late) await new Promise<void>((done) => (late = done)); // its 401 comes after the refresh
      return byToken("t2", { language: "ko" })(one);
    },
    "PATCH /v1/settings": byToken("t2", { language: "ja" }),
    "POST /v1/sessions/refresh": (one) => {
      assert.equal(one.body, '{"refresh_token":"r1"}');
      assert.equal(one.headers.get("Authorization"), null);
      return json(200, pair(2));
    },
  });
  const bellhop = createBellhop({ baseUrl, keep, fetch });
  const settings = bellhop.GET("/v1/settings");
  const all = await Promise.all([
    bellhop.GET("/v1/counts"),
    bellhop.GET("/v1/me"),
    bellhop.PATCH("/v1/settings", { body: { language: "ja" } }),
  ]);
  assert.deepEqual(all.map((one) => one.response.status), [200, 200, 200]);
  late?.();
  assert.equal((await settings).data?.language, "ko");
  assert.equal(count("POST /v1/sessions/refresh"), 1);
  assert.deepEqual(saved, [pair(2)]);
  assert.deepEqual(asked.filter((one) => one.call === "PATCH /v1/settings").map((one) => one.body), [
    '{"language":"ja"}',
    '{"language":"ja"}',
  ]);
});

test("processes that share what is kept refresh one at a time", async () => {
  let last: Promise<unknown> = Promise.resolve();
  const { keep } = keeping(pair(1));
  keep.lock = (run) => {
    const mine = last.then(run);
    last = mine;
    return mine;
  };
  const { fetch, count } = serverOf({
    "GET /v1/counts": byToken("t2", { new: 1 }),
    "POST /v1/sessions/refresh": json(200, pair(2)),
  });
  const apps = [createBellhop({ baseUrl, keep, fetch }), createBellhop({ baseUrl, keep, fetch })];
  for (const { data } of await Promise.all(apps.map((app) => app.GET("/v1/counts")))) assert.equal(data?.new, 1);
  assert.equal(count("POST /v1/sessions/refresh"), 1);
});

test("where the answer to a refresh is lost, the same token is sent again", async () => {
  const { keep, saved } = keeping(pair(1));
  const { fetch, asked } = serverOf({
    "GET /v1/counts": byToken("t2", { new: 1 }),
    "POST /v1/sessions/refresh": [new TypeError("the network broke"), problem(503, "unavailable"), json(200, pair(2))],
  });
  const bellhop = createBellhop({ baseUrl, keep, fetch });
  await assert.rejects(bellhop.GET("/v1/counts"), /the network broke/);
  assert.equal((await bellhop.GET("/v1/counts")).error?.code, "unavailable");
  assert.deepEqual(saved, []);
  assert.equal((await bellhop.GET("/v1/counts")).data?.new, 1);
  const refreshes = asked.filter((one) => one.call === "POST /v1/sessions/refresh");
  assert.deepEqual(refreshes.map((one) => one.body), Array(3).fill('{"refresh_token":"r1"}'));
});

test("a pair that could not be kept is not used", async () => {
  const { keep } = keeping(pair(1));
  keep.save = () => Promise.reject(new Error("the keychain is locked"));
  const { fetch, asked } = serverOf({
    "GET /v1/counts": byToken("t2", { new: 1 }),
    "POST /v1/sessions/refresh": json(200, pair(2)),
  });
  await assert.rejects(createBellhop({ baseUrl, keep, fetch }).GET("/v1/counts"), /keychain/);
  assert.deepEqual(asked.map((one) => one.headers.get("Authorization")), ["Bearer t1", null]);
});

test("a refused refresh ends the session and says why", async () => {
  const { keep, saved } = keeping(pair(1));
  const { fetch } = serverOf({
    "GET /v1/counts": problem(401, "unauthenticated"),
    "POST /v1/sessions/refresh": problem(401, "refresh_reused"),
  });
  const { error, response } = await createBellhop({ baseUrl, keep, fetch }).GET("/v1/counts");
  assert.equal(error?.code, "refresh_reused");
  assert.equal(response.status, 401);
  assert.deepEqual(saved, [undefined]);
});

test("a refusal of an old token does not end the session that somebody else began meanwhile", async () => {
  const { keep, saved } = keeping(pair(1));
  const { fetch } = serverOf({
    "GET /v1/counts": byToken("t7", { new: 1 }),
    "POST /v1/sessions/refresh": async () => {
      await keep.save(pair(7));
      return problem(401, "refresh_invalid");
    },
  });
  assert.equal((await createBellhop({ baseUrl, keep, fetch }).GET("/v1/counts")).data?.new, 1);
  assert.deepEqual(saved, [pair(7)]);
});

test("other 401s, and tokens that don't refresh, stay as they are", async () => {
  const { fetch, count } = serverOf({
    "PUT /v1/me/password": problem(401, "wrong_credentials"),
    "GET /v1/counts": problem(401, "unauthenticated"),
    "GET /v1/me": new Response("a proxy's page", { status: 401 }),
  });
  const person = createBellhop({ baseUrl, keep: inMemory(pair(1)), fetch });
  const wrong = await person.PUT("/v1/me/password", { body: { current: "guess", password: "q" } });
  assert.equal(wrong.error?.code, "wrong_credentials");
  assert.equal((await person.GET("/v1/me")).response.status, 401);
  const server = createBellhop({ baseUrl, keep: inMemory({ token: "bh_t_1" }), fetch });
  assert.equal((await server.GET("/v1/counts")).error?.code, "unauthenticated");
  assert.equal(count("POST /v1/sessions/refresh"), 0);
});

// Pauses end at once, and are written down. The stream's watch over silence ends only where a test says so.
const silence = 45_000;
let pauses: number[] = [];
let silent = false;
const realTimeout = globalThis.setTimeout;
beforeEach(() => {
  pauses = [];
  silent = false;
  globalThis.setTimeout = ((run: () => void, ms: number) => {
    if (ms === 30_000 || (ms === silence && !silent)) return realTimeout(() => {}, 0);
    if (ms !== silence) pauses.push(ms);
    silent = false;
    return realTimeout(run, 0);
  }) as typeof setTimeout;
});

const streamed = (...parts: (string | Uint8Array)[]) => streaming(true, ...parts);

function streaming(ends: boolean, ...parts: (string | Uint8Array)[]): () => Response {
  return () => {
    const utf8 = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      start(to) {
        for (const part of parts) to.enqueue(typeof part === "string" ? utf8.encode(part) : part);
        if (ends) to.close();
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  };
}

const order = (id: string) => ({ id, shop: "demo", note: "선물" });
const frame = (id: number, event: string, data: unknown) => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

async function collect(from: AsyncIterable<StreamEvent>): Promise<{ got: string[]; ended: unknown }> {
  const got: string[] = [];
  try {
    for await (const { id, event, data } of from) got.push(`${id} ${event} ${"id" in data ? data.id : ""}`);
    return { got, ended: undefined };
  } catch (ended) {
    return { got, ended };
  }
}

test("the stream goes on where it was, with longer and longer pauses, until somebody has to sign in", async () => {
  const bytes = new TextEncoder().encode("retry: 2000\n\nid: 40\n\n" + frame(41, "order.recorded", order("가")));
  const cut = bytes.indexOf(0xea) + 1; // inside a letter of three bytes
  const { fetch, asked } = serverOf({
    "GET /v1/stream": [
      streamed(bytes.slice(0, 5), bytes.slice(5, cut), bytes.slice(cut), ": still here\n\nid: 42\n\n"),
      new TypeError("the network broke"),
      new TypeError("the network broke"),
      problem(503, "busy", { "Retry-After": "7" }),
      problem(429, "rate_limited", { "Retry-After": new Date(Date.now() + 90_000).toUTCString() }),
      streamed(frame(43, "push.settled", { id: "p" }), frame(44, "order.unheard", { id: "x" }), frame(45, "order.upd", {})),
      streamed(frame(46, "order.updated", { ...order("1"), deleted: true })),
      problem(401, "unauthenticated"),
    ],
    "POST /v1/sessions/refresh": problem(401, "refresh_invalid"),
  });
  const bellhop = createBellhop({ baseUrl, keep: inMemory(pair(1)), fetch });
  const { got, ended } = await collect(bellhop.follow({ shop: "demo" }));
  assert.deepEqual(got, ["41 order.recorded 가", "43 push.settled p", "46 order.updated 1"]);
  assert.ok(ended instanceof Refused);
  assert.equal(ended.problem.code, "refresh_invalid");
  assert.equal(asked[0]?.call, "GET /v1/stream?shop=demo");
  assert.equal(asked[0]?.headers.get("Authorization"), "Bearer t1");
  assert.deepEqual(asked.map((one) => one.headers.get("Last-Event-ID")), [
    null, "42", "42", "42", "42", "42", "45", "46", null,
  ]);
  for (const [i, wanted] of [2000, 4000, 8000].entries()) {
    const pause = pauses[i] ?? 0;
    assert.ok(pause >= wanted / 2 && pause <= wanted * 1.5, `pause ${i} is ${pause}`);
  }
  assert.ok((pauses[3] ?? 0) >= 7000);
  assert.ok((pauses[4] ?? 0) >= 85_000);
  assert.ok(pauses.slice(5).every((pause) => pause <= 3000)); // since it went well in between
  assert.equal(pauses.length, 7);
});

test("the stream notices that nothing comes any more, and ends by its signal", async () => {
  const enough = new AbortController();
  const { fetch } = serverOf({
    "GET /v1/stream": [
      streaming(false),
      () => {
        enough.abort();
        return streaming(false, frame(2, "order.recorded", order("2")))();
      },
    ],
  });
  const bellhop = createBellhop({ baseUrl, keep: inMemory(pair(1)), fetch });
  silent = true;
  const { ended } = await collect(bellhop.follow({ since: "1", signal: enough.signal }));
  assert.equal(ended, undefined);
});

test("what the stream can't bring comes by updated_since, and a reset only where that is gone", async () => {
  const page = (orders: string[], deleted: string[], next: string, now: string) =>
    json(200, { orders: orders.map(order), deleted: deleted.map((id) => ({ id, shop: "demo" })), next, now });
  const missed = streamed("retry: 1\n\n", frame(90, "reset", {}), frame(91, "order.recorded", order("9")));
  const { fetch, asked } = serverOf({
    "GET /v1/stream": [missed, missed, streamed(frame(99, "reset", {})), problem(404, "shop_not_found")],
    "GET /v1/orders?updated_since=7&limit=200": [problem(503, "busy"), page(["1", "2"], ["3"], "50", "50")],
    "GET /v1/orders?updated_since=50&limit=200": page([], [], "60", "60"),
    "GET /v1/orders?updated_since=60&limit=200": page(["4"], [], "", "92"),
    "GET /v1/orders?updated_since=91&limit=200": problem(409, "too_long_ago"),
  });
  const bellhop = createBellhop({ baseUrl, keep: inMemory(pair(1)), fetch });
  const { got, ended } = await collect(bellhop.follow({ since: "7" }));
  assert.deepEqual(got, [
    "7 order.updated 1", "7 order.updated 2", "50 order.updated 3", "92 order.updated 4", "91 order.recorded 9",
    "99 reset ",
  ]);
  assert.ok(ended instanceof Refused && ended.problem.code === "shop_not_found");
  assert.equal(asked[2]?.headers.get("Last-Event-ID"), "7"); // after the page that failed
});
