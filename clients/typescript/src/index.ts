import createClient, { type Client } from "openapi-fetch";

import type { paths, StreamEvent } from "./api.js";
import { type Fetch, inMemory, type Keep, withSession } from "./session.js";
import { follow, type Follow } from "./stream.js";

export type * from "./api.js";
export { type Fetch, inMemory, type Keep, type Kept } from "./session.js";
export { type Follow, Refused } from "./stream.js";

export interface Options {
  /** Where bellhop is, such as https://bellhop.example.com. */
  baseUrl: string;
  /** Where the session is kept. By default in memory. */
  keep?: Keep;
  /** In place of the platform's own. */
  fetch?: Fetch;
}

/** Each call of the API by its path, and the stream. */
export interface Bellhop extends Client<paths> {
  follow(options?: Follow): AsyncGenerator<StreamEvent, void>;
}

export function createBellhop(options: Options): Bellhop {
  const { baseUrl, keep = inMemory(), fetch = (url, init) => globalThis.fetch(url, init) } = options;
  const client = createClient<paths>({ baseUrl, fetch: withSession(baseUrl, keep, fetch) });
  return Object.assign(client, { follow: (to?: Follow) => follow(client, to) });
}
