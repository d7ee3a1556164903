import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { VirtualClock } from "../../../lab/functions-host/virtual-clock";
import { type AppHost, startApp } from "./app-host";

/** The patterns of the Durable Functions overview, written as a newcomer would. */
let app: AppHost;
let clock: VirtualClock;
beforeAll(async () => {
  clock = new VirtualClock(Date.parse("2026-01-01T00:00:00Z"));
  app = await startApp("newcomer", { clock });
});
afterAll(() => app.stop());

test.each([
  ["function chaining", "chaining", undefined, ["Hello, Tokyo!", "Hello, Seattle!", "Hello, Cairo!"]],
  ["fan-out and fan-in", "fanOutFanIn", undefined, 385],
  ["a monitor", "monitor", { doneAfter: 4, minutes: 60 }, "alert sent"],
  ["a human who does not answer in three days", "approval", "Ada", "escalated to the boss of Ada"],
  ["a counter entity", "counting", undefined, 3],
  ["retries", "retries", undefined, "answered call 3"],
  ["an eternal orchestration", "eternalCounter", { count: 0 }, { count: 5 }],
  ["a deadline that is cancelled", "quoteWithDeadline", undefined, 42],
])("%s", async (_what, name, input, output) => {
  expect(await app.run(name, input)).toEqual({ status: "Completed", output });
});

test("a human who approves", async () => {
  clock.pause();
  const id = app.start("approval", "Grace");
  await app.until(() => app.history(id).endsWith("10#1"), "The question");
  app.raise(id, "ApprovalEvent", true);
  const answer = await app.ended(id);
  clock.resume();
  expect(answer).toEqual({ status: "Completed", output: "approved" });
});

test("an asynchronous HTTP API", async () => {
  const started = await fetch(`${app.host.url}/api/orchestrators/chaining`, { method: "POST", body: "null" });
  expect(started.status).toBe(202);
  const { id, statusQueryGetUri } = (await started.json()) as { id: string; statusQueryGetUri: string };
  await app.ended(id);
  expect(await (await fetch(statusQueryGetUri)).json()).toMatchObject({ runtimeStatus: "Completed" });
});

test("callHttp polls an answer of 202 until it is another one", async () => {
  let polls = 0;
  const server = createServer((request, response) => {
    if (request.method === "POST") response.writeHead(202, { location: address("/poll"), "retry-after": "30" }).end();
    else if (++polls < 3) response.writeHead(202, { location: address("/poll") }).end();
    else response.writeHead(200).end("done");
  });
  const address = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    expect(await app.run("callsHttp", { url: address("/ask") })).toEqual({
      status: "Completed",
      output: { status: 200, content: "done" },
    });
    expect(polls).toBe(3);
  } finally {
    server.close();
  }
});
