import type { Problem, Session } from "./api.js";

/** What an app keeps of a sign-in: the session, or the token alone that a server was given. */
export type Kept = Pick<Session, "token"> & Partial<Session>;

/** Where an app keeps it, so that only the app can read it. */
export interface Keep {
  load(): Kept | undefined | Promise<Kept | undefined>;
  /** The client saves new tokens before it uses one, and undefined once the session has ended. */
  save(session: Kept | undefined): void | Promise<void>;
  /**
   * Runs one refresh at a time, where several processes share what is kept, such as an app and its extension for
   * notifications. Without it tabs of a browser take a Web Lock.
   */
  lock?<T>(run: () => Promise<T>): Promise<T>;
}

/** Keeps it until the process ends. */
export function inMemory(kept?: Kept): Keep {
  return {
    load: () => kept,
    save: (session) => {
      kept = session;
    },
  };
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

// How long a refresh may take. Everything else waits for it.
const patience = 30_000;

const json = { "Content-Type": "application/json" };

// These answers begin a session, and these end it.
const begins = ["POST /v1/sessions", "PUT /v1/me/password", "POST /v1/invitations/signup"];
const ends = ["DELETE /v1/sessions/current", "DELETE /v1/me"];

/**
 * Sends requests with the token that is kept. When that has run out, it gets the next one and sends the request once
 * more; of calls that find out at once, one refreshes. Where the answer to a refresh was lost, or the app ended before it
 * could keep it, the same refresh token brings the same pair again.
 */
export function withSession(baseUrl: string, keep: Keep, fetch: Fetch): (request: Request) => Promise<Response> {
  baseUrl = baseUrl.replace(/\/+$/, "");
  let refreshing: Promise<Refreshed> | undefined;

  async function refresh(old: string): Promise<Refreshed> {
    const kept = await keep.load();
    if (kept?.token !== old) return { kept }; // somebody else did it, or signed out
    if (!kept.refresh_token) return {};
    const body = JSON.stringify({ refresh_token: kept.refresh_token });
    const enough = new AbortController();
    const timer = setTimeout(() => enough.abort(), patience);
    try {
      const url = baseUrl + "/v1/sessions/refresh";
      const answer = await fetch(url, { method: "POST", headers: json, body, signal: enough.signal });
      const text = await answer.text();
      if (answer.ok) {
        const next = JSON.parse(text) as Session;
        await keep.save(next);
        return { kept: next };
      }
      if (answer.status === 401) {
        const now = await keep.load();
        if (now && now.refresh_token !== kept.refresh_token) return { kept: now }; // signed in meanwhile
        await keep.save(undefined);
      }
      return { refused: { text, answer } };
    } finally {
      clearTimeout(timer);
    }
  }

  return async (request) => {
    // Not every platform's requests can be cloned. The API's bodies are short texts.
    const body = (await request.text()) || null;
    const { url, method, signal } = request;
    const send = (token: string | undefined) => {
      const headers = new Headers(request.headers);
      if (token) headers.set("Authorization", "Bearer " + token);
      return fetch(url, { method, headers: Object.fromEntries(headers), body, signal });
    };
    if (request.headers.has("Authorization")) return send(undefined);

    const kept = await keep.load();
    let answer = await send(kept?.token);
    if (kept && answer.status === 401) {
      const text = await answer.text();
      answer = again(text, answer);
      if (codeOf(text) === "unauthenticated") {
        refreshing ??= locked(keep, baseUrl, () => refresh(kept.token)).finally(() => (refreshing = undefined));
        const next = await refreshing;
        if (next.refused) return again(next.refused.text, next.refused.answer);
        if (next.kept) answer = await send(next.kept.token);
      }
    }
    const call = method + " " + url.slice(baseUrl.length).replace(/\?.*/, "");
    if (answer.ok && begins.includes(call)) {
      const text = await answer.text();
      await keep.save(JSON.parse(text) as Session);
      return again(text, answer);
    }
    if (answer.ok && ends.includes(call)) await keep.save(undefined);
    return answer;
  };
}

interface Refreshed {
  kept?: Kept | undefined;
  refused?: { text: string; answer: Response };
}

function locked<T>(keep: Keep, name: string, run: () => Promise<T>): Promise<T> {
  if (keep.lock) return keep.lock(run);
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  return locks ? locks.request("bellhop " + name, run) : run();
}

function codeOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as Partial<Problem>).code;
  } catch {
    return undefined; // it came from something before bellhop
  }
}

// An answer whose body was read.
function again(text: string, { status, headers }: Response): Response {
  return new Response(text, { status, headers: Object.fromEntries(headers) });
}
