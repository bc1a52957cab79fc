"use strict";
const amqp = require("amqplib");

// open returns a function that resolves once RabbitMQ has the message, and rejects if no queue has it.
async function open(queue) {
  const url = new URL(queue);
  const exchange = (url.searchParams.get("queue") ?? "orders") + ".in";
  url.search = "";
  let channel; // a promise; a new one after the connection was lost

  async function connect() {
    const connection = await amqp.connect(url.href);
    connection.on("error", () => {}); // "close" follows
    connection.on("close", () => { channel = undefined; });
    const opened = await connection.createConfirmChannel();
    opened.on("error", () => connection.close().catch(() => {}));
    await opened.checkExchange(exchange); // bellhop makes it, with its queue
    opened.returned = new Set();
    opened.on("return", (message) => opened.returned.add(message.properties.messageId)); // before its confirm
    return opened;
  }

  let last = 0;
  return async function send(headers, body) {
    channel ??= connect().catch((error) => { channel = undefined; throw error; });
    const opened = await channel;
    const messageId = String(++last);
    // Shops don't wait for each other: bellhop has several lines, and this names one.
    const shop = headers["x-shopify-shop-domain"] ?? headers["shopify-shop-domain"] ?? "";
    await new Promise((resolve, reject) => { // rejects, too, when the connection is lost before the confirmation
      opened.publish(exchange, shop.slice(0, 1), body, { headers, messageId, persistent: true, mandatory: true },
        (error) => error ? reject(error) : resolve());
    });
    if (opened.returned.delete(messageId)) throw new Error("no queue is bound to the exchange " + exchange);
  };
}

module.exports = { open };
