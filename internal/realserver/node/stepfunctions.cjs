// One state machine behind the part of the Step Functions API that starts and
// describes executions. Its settings are in the environment:
//   PORT, DEFINITION  where it listens; the file with the definition, ready to run
//   MACHINE_ARN       what the machine is called
//   EXPRESS           "1" for Express; else Standard, where a name is used once
//   RETRY_MS          how long every retry waits, in place of what the file says
// For tests, GET /_/executions lists what ran, with the states that were entered,
// and GET /_/wait answers once all that was started has ended.
const http = require("node:http");
const fs = require("node:fs");
const { StateMachine } = require("aws-local-stepfunctions");

const express = process.env.EXPRESS === "1";
const definition = JSON.parse(fs.readFileSync(process.env.DEFINITION, "utf8"));
const machine = new StateMachine(definition, { validationOptions: { checkArn: false } });
const retryIntervalOverrides = {};
for (const [name, state] of Object.entries(definition.States)) {
  if (state.Retry) retryIntervalOverrides[name] = Number(process.env.RETRY_MS);
}

const limit = 262144; // of an execution's input, in bytes
const executions = []; // in the order they were started
let unnamed = 0;

class Refusal extends Error {
  constructor(type, message) {
    super(message);
    this.type = type;
  }
}

function start({ stateMachineArn, name, input = "{}" }) {
  if (stateMachineArn !== process.env.MACHINE_ARN) {
    throw new Refusal("StateMachineDoesNotExist", "State Machine Does Not Exist: " + stateMachineArn);
  }
  if (Buffer.byteLength(input) > limit) throw new Refusal("InvalidExecutionInput", "the input is too long");
  if (name !== undefined && !/^[^\s<>{}[\]?*"#%\\^|~`$&,;:/]{1,80}$/.test(name)) {
    throw new Refusal("InvalidName", "Invalid Name: '" + name + "'");
  }
  if (!express && name !== undefined) {
    const same = executions.find((e) => e.name === name);
    if (same && same.status === "RUNNING" && same.input === input) return same;
    if (same) throw new Refusal("ExecutionAlreadyExists", "Execution Already Exists: '" + same.executionArn + "'");
  }
  name ??= "unnamed-" + ++unnamed;
  const e = { name, input, status: "RUNNING", states: [], startDate: Date.now() / 1000 };
  e.executionArn = stateMachineArn.replace(":stateMachine:", express ? ":express:" : ":execution:") + ":" + name;
  e.stateMachineArn = stateMachineArn;
  executions.push(e);
  e.ended = run(e);
  return e;
}

async function run(e) {
  const execution = machine.run(JSON.parse(e.input), { overrides: { retryIntervalOverrides } });
  const watched = watch(e, execution.eventLogs);
  try {
    e.output = JSON.stringify(await execution.result);
    e.status = "SUCCEEDED";
  } catch (failure) {
    const cause = failure.cause ?? failure;
    e.status = failure.name === "ExecutionTimeoutError" ? "TIMED_OUT" : "FAILED";
    e.error = cause.name;
    e.cause = cause.message;
  }
  await watched;
  e.stopDate = Date.now() / 1000;
}

// A state that is tried again is entered once more.
async function watch(e, events) {
  for await (const event of events) {
    if (event.type === "StateEntered" || event.type === "StateRetried") e.states.push(event.state.name);
  }
}

function described(e) {
  const { ended, states, ...shown } = e;
  return shown;
}

async function act(action, request) {
  switch (action) {
    case "StartSyncExecution": {
      if (!express) throw new Refusal("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine");
      const e = start(request);
      await e.ended;
      return described(e);
    }
    case "StartExecution": {
      const { executionArn, startDate } = start(request);
      return { executionArn, startDate };
    }
    case "DescribeExecution": {
      const e = executions.find((e) => e.executionArn === request.executionArn);
      if (!e) throw new Refusal("ExecutionDoesNotExist", "Execution Does Not Exist: '" + request.executionArn + "'");
      return described(e);
    }
  }
  throw new Refusal("UnknownOperationException", "this stand-in has no " + action);
}

async function answer(request) {
  if (request.url === "/_/executions") {
    return [200, executions.map((e) => ({ ...described(e), states: e.states }))];
  }
  if (request.url === "/_/wait") {
    await Promise.all(executions.map((e) => e.ended));
    return [200, {}];
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const action = (request.headers["x-amz-target"] ?? "").split(".").pop();
  try {
    return [200, await act(action, JSON.parse(Buffer.concat(chunks).toString() || "{}"))];
  } catch (refusal) {
    return [400, { __type: "com.amazonaws.sfn#" + (refusal.type ?? "ValidationException"), message: refusal.message }];
  }
}

http
  .createServer(async (request, response) => {
    const [status, body] = await answer(request);
    response.writeHead(status, { "Content-Type": "application/x-amz-json-1.0" });
    response.end(JSON.stringify(body));
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
