// Kills the server before its first answer to a POST: the queue has the message, and Shopify never hears of it.
"use strict";
const { ServerResponse } = require("node:http");
const { writeHead } = ServerResponse.prototype;
ServerResponse.prototype.writeHead = function (...args) {
  if (this.req.method === "POST") process.kill(process.pid, "SIGKILL");
  return writeHead.apply(this, args);
};
