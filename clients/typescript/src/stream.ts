import type { Client } from "openapi-fetch";

import type { paths, Problem, StreamEvent } from "./api.js";

export interface Follow {
  /** Somebody of several shops names one. */
  shop?: string | undefined;
  /** Where to go on: the now of a list of orders, or the id of an event. Without it the stream begins now. */
  since?: string | undefined;
  /** Ends the stream. */
  signal?: AbortSignal | undefined;
}

/** What bellhop answers for good: somebody has to sign in, or the request is wrong. */
export class Refused extends Error {
  override readonly name = "Refused";
  constructor(
    readonly problem: Problem,
    readonly status: number,
  ) {
    super(problem.detail);
  }
}

const silence = 45_000; // bellhop sends something every 15 seconds
const longest = 60_000; // between two attempts, unless bellhop asks for longer
const longestAsked = 600_000;
const pageSize = 200;

// Events of a newer bellhop are left out: whoever follows would take their data for another's.
const known: Record<StreamEvent["event"], true> = {
  "order.recorded": true,
  "order.updated": true,
  "order.taken": true,
  "order.released": true,
  "push.settled": true,
  reset: true,
};

/**
 * Follows what changes, for as long as the signal and the session allow, over restarts, networks that break and tokens
 * that run out. What the stream can't bring after a long absence is fetched by updated_since: each order that changed
 * comes as order.updated. Only where bellhop no longer keeps that either is there a reset: load all orders anew.
 *
 * Throws Refused when somebody has to sign in. An event may come twice.
 */
export async function* follow(client: Client<paths>, options: Follow = {}): AsyncGenerator<StreamEvent, void> {
  const { shop, signal } = options;
  const at = { place: options.since };
  const query = shop ? { shop } : {};
  const abort = signal ? { signal } : {};
  let retry = 3000;
  for (let failures = 0; !signal?.aborted; failures++) {
    let asked = 0;
    try {
      const header = at.place ? { "Last-Event-ID": at.place } : {};
      const { data, error, response } = await client.GET("/v1/stream", {
        params: { query, header },
        headers: { Accept: "text/event-stream" },
        parseAs: "stream",
        ...abort,
      });
      if (error) asked = waitAsked(error, response);
      else if (!data) throw new Refused(unstreamed, response.status);
      else {
        for await (const frame of frames(data, signal)) {
          failures = 0;
          if (frame.retry) retry = Math.min(frame.retry, longest);
          if (frame.event === "reset" && at.place && (yield* missed(client, at, query, abort))) continue;
          if (frame.event in known) {
            yield { id: frame.id, event: frame.event, data: JSON.parse(frame.data) } as StreamEvent;
          }
          if (frame.id) at.place = frame.id;
        }
      }
    } catch (err) {
      if (err instanceof Refused && !signal?.aborted) throw err;
      if (err instanceof Later) asked = err.asked;
    }
    const pause = Math.min(retry * 2 ** failures, longest) * (0.5 + Math.random());
    await wait(Math.max(pause, asked), signal);
  }
}

// Fetches what changed since a place, page by page. Returns false where that is too long ago.
async function* missed(
  client: Client<paths>,
  at: { place: string | undefined },
  query: { shop?: string },
  abort: { signal?: AbortSignal },
): AsyncGenerator<StreamEvent, boolean> {
  for (let more = true; more; ) {
    const since = at.place ?? "";
    const { data, error, response } = await client.GET("/v1/orders", {
      params: { query: { ...query, updated_since: since, limit: pageSize } },
      ...abort,
    });
    if (error?.code === "too_long_ago") return false;
    if (error) throw new Later(waitAsked(error, response));
    const events: StreamEvent[] = data.orders.map((order) => ({ id: since, event: "order.updated", data: order }));
    for (const { id, shop } of data.deleted) {
      events.push({ id: since, event: "order.updated", data: { id, shop, deleted: true } });
    }
    const last = events.at(-1);
    if (last) last.id = data.now ?? since; // whoever stops in between has the whole page again
    yield* events;
    at.place = data.now;
    more = data.next !== "";
  }
  return true;
}

class Later extends Error {
  constructor(readonly asked: number) {
    super("try again later");
  }
}

const unstreamed: Problem = {
  type: "about:blank",
  status: 200,
  code: "internal",
  title: "No stream",
  detail: "this platform's fetch can't read an answer while it comes: give createBellhop one that can",
};

// How long an answer asks to wait. What no waiting would mend is thrown.
function waitAsked(problem: Problem, { status, headers }: Response): number {
  if (status < 500 && status !== 429 && status !== 408) throw new Refused(problem, status);
  const after = headers.get("Retry-After") ?? "";
  const seconds = /^\d+$/.test(after) ? Number(after) : (Date.parse(after) - Date.now()) / 1000;
  return Math.min(Math.max(seconds * 1000 || 0, 0), longestAsked);
}

interface Frame {
  id: string;
  event: string;
  data: string;
  retry: number;
}

// Splits server-sent events as bellhop writes them. Ends with the answer, by the signal, or when nothing comes any more.
async function* frames(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Frame, void> {
  const reader = body.getReader();
  const stop = () => void reader.cancel().catch(() => {}); // closes the connection, too
  signal?.addEventListener("abort", stop);
  const utf8 = new TextDecoder();
  try {
    for (let text = ""; !signal?.aborted; ) {
      const timer = setTimeout(stop, silence);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      text += utf8.decode(value, { stream: true });
      const parts = text.split("\n\n");
      text = parts.pop() ?? "";
      yield* parts.map(frameOf);
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}

function frameOf(text: string): Frame {
  const field: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const colon = line.indexOf(": ");
    field[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return {
    id: field["id"] ?? "",
    event: field["event"] ?? "",
    data: field["data"] ?? "",
    retry: Number(field["retry"]) || 0,
  };
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}
