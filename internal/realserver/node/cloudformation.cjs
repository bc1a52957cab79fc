// Prints what a CloudFormation template's checks find, as JSON. The argument is
// the template; every further one is NAME=VALUE of a parameter.
const { RegoEngine, TemplateFile } = require("@aws/cloudformation-validate");

const [template, ...parameters] = process.argv.slice(2);
const parameterOverrides = Object.fromEntries(parameters.map((p) => [p.slice(0, p.indexOf("=")), p.slice(p.indexOf("=") + 1)]));
const engine = new RegoEngine();
try {
  const report = engine.validateStandard(new TemplateFile(template), { parameterOverrides });
  console.log(JSON.stringify({ status: report.status, diagnostics: report.diagnostics }));
} finally {
  engine.free();
}
