"use strict";
const { zstdCompressSync } = require("node:zlib"); // Node 22.15 and later
const { SQSClient, SendMessageCommand } = require("@aws-sdk/client-sqs");

// SQS takes 1 MiB with the attributes. Some room is left for what they need.
const largest = (1 << 20) - (16 << 10);

// SQS takes no other characters:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
const illegal = /[^\t\n\r\x20-\uFFFD]/;

// open returns a function that resolves once SQS has the message.
async function open(queue) {
  const url = new URL(queue);
  const region = url.searchParams.get("region") ?? url.hostname.split(".")[1];
  url.search = "";
  const client = new SQSClient({ region, endpoint: url.origin });
  return async function send(headers, body) {
    const attributes = Object.entries(headers);
    let text = body.toString("utf8");
    // The bytes must arrive as they are: else they go compressed, which bellhop undoes.
    if (body.length > largest || illegal.test(text) || !Buffer.from(text).equals(body)) {
      text = zstdCompressSync(body).toString("base64");
      attributes.push(["coding", "zstd"]);
    }
    await client.send(new SendMessageCommand({
      QueueUrl: url.href,
      MessageBody: text,
      // Shops don't wait for each other: SQS's fair queues go by the group.
      MessageGroupId: headers["x-shopify-shop-domain"] ?? headers["shopify-shop-domain"],
      MessageAttributes: Object.fromEntries(
        attributes.map(([name, value]) => [name, { DataType: "String", StringValue: value }])),
    }));
  };
}

module.exports = { open };
