// What docs/app.md leaves to the platform, and the world around the app: Shopify's webhooks and the push service's twin.
import { createBellhop, inMemory, type Kept } from "bellhop-client";

const bellhop = process.env["BELLHOP_URL"] ?? "";
const twin = process.env["FCM_TWIN"] ?? "";
const blank = process.env["BLANK_ORDER"] ?? ""; // the beginning of an order: what Shopify always sends
const shop = "demo.myshopify.com";
const patience = 60_000;

const kept = new Map<string, string>();

export const keychain = {
  get: async (name: string) => kept.get(name),
  set: async (name: string, value: string) => void kept.set(name, value),
  remove: async (name: string) => void kept.delete(name),
};

/** Makes the token that is kept one that has run out. */
export function expire(): void {
  const session = JSON.parse(kept.get("session") ?? "") as Kept;
  kept.set("session", JSON.stringify({ ...session, token: "bh_s_" + "0".repeat(43) }));
}

/** Signs in, and refreshes with an answer that never comes. */
export async function losesAnAnswer(email: string, password: string): Promise<boolean> {
  let lost = 0;
  const { data } = await createBellhop({ baseUrl: bellhop }).POST("/v1/sessions", { body: { email, password, refresh: true } });
  const app = createBellhop({
    baseUrl: bellhop,
    keep: inMemory({ ...data, token: "bh_s_" + "0".repeat(43) }),
    async fetch(url, init) {
      const answer = await fetch(url, init);
      if (url.endsWith("/refresh") && lost++ === 0) throw new TypeError("the network broke");
      return answer;
    },
  });
  const first = await app.GET("/v1/me").catch((err: Error) => err.message);
  return first === "the network broke" && (await app.GET("/v1/me")).response.ok && lost === 2;
}

export const screen = {
  said: "",
  badge: 0,
  say(text: string) {
    screen.said = text;
  },
};

interface Notification {
  tag: string;
  title: string;
  body: string;
  actions: string[];
}

export const drawer = {
  shown: new Map<string, Notification>(),
  show: (one: Notification) => void drawer.shown.set(one.tag, one),
  remove: (tag: string) => void drawer.shown.delete(tag),
};

export const messaging = {
  // One of its own for each bellhop, which share the twin.
  getToken: async () => "fMEP0vJqS0a-yBzE0_4Yyy:APA91b" + new URL(bellhop).port.padStart(134, "HunUAzKjnMcEhBd0vDrk"),
};

/** Asks until there is an answer: nobody sends a signal. */
export async function until<T>(what: string, ask: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (const end = Date.now() + patience; ; ) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error("still waiting for " + what);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** The latest message that came to the phone, of an order if that is given: messages overtake each other. */
export async function message<T>(kind: string, order?: string): Promise<T> {
  const device = encodeURIComponent(await messaging.getToken());
  return until("a push " + kind, async () => {
    const answer = await fetch(`${twin}/_/sent?device=${device}`);
    const { sent } = (await answer.json()) as { sent: { data: { kind: string; order_id?: string } }[] };
    const those = sent.filter(({ data }) => data.kind === kind && (!order || data.order_id === order));
    return those.at(-1)?.data as T | undefined;
  });
}

/** Somebody buys something. */
export function buys(id: string): Promise<void> {
  const now = new Date().toISOString();
  const order = {
    id: Number(id), name: "#" + id, order_number: Number(id), currency: "USD", total_price: "403.00",
    email: "kim@example.com", customer: { id: 7, first_name: "Kim", last_name: "Lee", email: "kim@example.com" },
    financial_status: "paid", created_at: now, updated_at: now,
    line_items: [{ id: 1, title: "Tee", variant_title: "M", sku: "TEE-M", quantity: 2, price: "201.50" }],
  };
  return webhook("orders/create", "{" + blank + JSON.stringify(order).slice(1));
}

/** A customer asks the shop for their data. */
export function asksForTheirData(order: string): Promise<void> {
  const request = {
    shop_id: 1, shop_domain: shop, orders_requested: [Number(order)],
    customer: { id: 7, email: "kim@example.com", phone: "" }, data_request: { id: 9 },
  };
  return webhook("customers/data_request", JSON.stringify(request));
}

async function webhook(topic: string, body: string): Promise<void> {
  const utf8 = new TextEncoder();
  const raw = utf8.encode(body);
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", utf8.encode("hush"), hmac, false, ["sign"]);
  const signature = Buffer.from(await crypto.subtle.sign("HMAC", key, raw)).toString("base64");
  const answer = await fetch(bellhop + "/webhooks/shopify", {
    method: "POST",
    body: raw,
    headers: {
      "Content-Type": "application/json", "X-Shopify-Topic": topic, "X-Shopify-Hmac-Sha256": signature,
      "X-Shopify-Shop-Domain": shop, "X-Shopify-API-Version": "2025-10", "X-Shopify-Webhook-Id": crypto.randomUUID(),
      "X-Shopify-Triggered-At": new Date().toISOString(),
    },
  });
  if (answer.status !== 200) throw new Error(`${topic}: ${answer.status} ${await answer.text()}`);
}

export function check(what: string, holds: unknown): void {
  if (!holds) throw new Error("this does not hold: " + what);
}
