// A server of one's own in front of bellhop's queue. It takes Shopify's webhooks and Events at an address of its own,
// and answers 200 once the queue has confirmed the message. docs/own-producer.md explains it.
//
//   npm install @aws-sdk/client-sqs amqplib
//   SHOPIFY_SECRET=... QUEUE=https://sqs.eu-west-1.amazonaws.com/123456789012/orders node server.cjs
//   SHOPIFY_SECRET=... QUEUE='amqp://user:password@host/vhost?queue=orders' node server.cjs
"use strict";
const { createHmac, timingSafeEqual } = require("node:crypto");
const { createServer } = require("node:http");
const { open } = process.env.QUEUE.startsWith("amqp") ? require("./rabbitmq.cjs") : require("./sqs.cjs");

const maxBody = 8 << 20;

// raw reads the body as bytes. Never parse it and write it again: the signature is over these very bytes.
async function raw(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    if ((size += part.length) > maxBody) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

// signed reports whether Shopify signed the body. bellhop checks it again, and would keep a wrong one as a dead letter.
function signed(headers, body) {
  const given = Buffer.from(headers["x-shopify-hmac-sha256"] ?? headers["shopify-hmac-sha256"] ?? "");
  const sum = Buffer.from(createHmac("sha256", process.env.SHOPIFY_SECRET).update(body).digest("base64"));
  return given.length === sum.length && timingSafeEqual(given, sum); // it throws if they differ in length
}

// read are the headers that bellhop reads, of webhooks and of Events: SQS takes no more than 10 attributes.
const read = /^(x-)?shopify-(topic|action|shop-domain|hmac-sha256|webhook-id|event-id|triggered-at|api-version)$/;

function shopifys(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => read.test(name)));
}

async function answer(request, send) {
  const body = await raw(request);
  if (body === undefined) return 413;
  if (!signed(request.headers, body)) return 401;
  try {
    await send(shopifys(request.headers), body);
    return 200; // only now: Shopify never sends it again
  } catch (error) {
    console.error("the queue did not take a webhook:", error.message);
    return 503; // Shopify sends it again
  }
}

async function main() {
  const send = await open(process.env.QUEUE);
  const server = createServer(async (request, response) => {
    let status = 400; // the client went away
    try {
      status = request.method === "POST" ? await answer(request, send) : 405;
    } catch {}
    response.writeHead(status).end();
  });
  server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? "127.0.0.1", () => {
    console.log("listening on port " + server.address().port);
  });
}

main();
