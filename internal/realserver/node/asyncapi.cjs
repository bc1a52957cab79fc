// Prints what AsyncAPI's own parser finds in a document, the argument, as JSON.
const fs = require("fs");
const { Parser } = require("@asyncapi/parser");

(async () => {
  const { document, diagnostics } = await new Parser().parse(fs.readFileSync(process.argv[2], "utf8"));
  const found = diagnostics.map((d) => ({ severity: d.severity, code: String(d.code), path: d.path.join("."), message: d.message }));
  console.log(JSON.stringify({ version: document ? document.version() : "", found }));
})();
