import { type AppHost, startApp } from "./app-host";

let app: AppHost;
beforeAll(async () => {
  app = await startApp("streaming");
});
afterAll(() => app.stop());

const call = (path: string, init?: RequestInit): Promise<Response> => fetch(`${app.host.url}/api/${path}`, init);

test("a streamed body arrives in pieces, with headers, query and route parameters handed to the handler", async () => {
  const answer = await call("count/3?q=asked", { headers: { "x-header": "sent" } });
  expect([answer.status, answer.headers.get("x-header"), answer.headers.get("x-query")]).toEqual([
    200,
    "sent",
    "asked",
  ]);
  const pieces: string[] = [];
  for await (const piece of answer.body!) pieces.push(Buffer.from(piece as Uint8Array).toString());
  expect(pieces.join("")).toBe("1 2 3 ");
  expect(pieces.length).toBeGreaterThan(1);
});

test("a request body is streamed to the handler", async () => {
  const answer = await call("upper", { method: "POST", body: "quiet" });
  expect(await answer.text()).toBe("QUIET");
});

test("a handler without an answer, or with an error, does not leave the caller waiting", async () => {
  expect((await call("nothing")).status).toBe(204);
  expect((await call("throws")).status).toBe(500);
});
