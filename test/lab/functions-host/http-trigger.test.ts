import { join } from "node:path";
import { tmpdir } from "node:os";
import { type AppHost, startApp } from "./app-host";
import { noEvents } from "./event-sources";

let app: AppHost;
const settings = {
  ...{ EVENTS: "Endpoint=sb://none", HUB_NAME: "none", HOURLY: "0 0 * * * *", COLOUR: "green" },
  RECORD_FILE: join(tmpdir(), "unused"),
};
beforeAll(async () => {
  app = await startApp("triggers", { settings, openEventSource: noEvents, maxBodyBytes: 1000 });
});
afterAll(() => app.stop());

const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${app.host.url}${path}`, init);
const text = async (path: string, init?: RequestInit): Promise<[number, string]> => {
  const answer = await get(path, init);
  return [answer.status, await answer.text()];
};

test("hands method, parameters, query, headers and body to the handler", async () => {
  const answer = await get("/items/7?a=1&a=2&b=x%20y", { method: "PUT", headers: { "X-Test": "t" }, body: "hello" });
  expect(await answer.json()).toEqual({
    method: "PUT",
    url: `${app.host.url}/items/7?a=1&a=2&b=x%20y`,
    params: { id: "7" },
    query: { a: "1,2", b: "x y" },
    header: "t",
    body: "hello",
  });
});

test("routes: constraints, optional parameters, literals first, the rest of a path, any case", async () => {
  expect((await text("/items/42"))[1]).toBe("literal");
  expect(JSON.parse((await text("/ITEMS/8/detail"))[1])).toMatchObject({ params: { id: "8", part: "detail" } });
  expect((await text("/items/seven"))[0]).toBe(404);
  expect((await text("/files/a/b%20c"))[1]).toBe("a/b c");
  expect((await text("/files"))[1]).toBe("none");
});

test("a method that no function takes is not found", async () => {
  expect((await text("/items/7", { method: "DELETE" }))[0]).toBe(404);
  expect((await text("/nowhere"))[0]).toBe(404);
});

test("writes status, headers, bytes and cookies of the response", async () => {
  const answer = await get("/created", { method: "POST" });
  expect(answer.status).toBe(201);
  expect(answer.headers.get("x-made")).toBe("yes");
  expect(answer.headers.get("set-cookie")).toBe("a=b%20c; Max-Age=60; Path=/; HttpOnly; SameSite=Strict");
  expect([...new Uint8Array(await answer.arrayBuffer())]).toEqual([0, 255]);
});

test("nothing returned is 204, an error is an empty 500 with the words in the log", async () => {
  expect(await text("/nothing")).toEqual([204, ""]);
  expect(await text("/throws")).toEqual([500, ""]);
  expect(app.log.some(({ level, text: line }) => level === "error" && line.includes("secret words"))).toBe(true);
});

test("hooks replace inputs and results", async () => {
  expect(await text("/hooked")).toEqual([200, "start replaced!"]);
});

test("settings are the app's environment", async () => {
  const { root, ...others } = JSON.parse((await text("/environment"))[1]) as Record<string, string>;
  expect(root).toMatch(/triggers$/);
  expect(others).toEqual({ host: `localhost:${app.host.port}`, colour: "green" });
});

test("a body over the limit is refused with the limit", async () => {
  const [status, body] = await text("/items/7", { method: "PUT", body: "x".repeat(1001) });
  expect([status, body]).toEqual([413, expect.stringContaining("longer than 1000 bytes")]);
});

test("an app process that ends takes its own request down and nothing else", async () => {
  const [before] = app.host.pool.pids;
  expect((await text("/dies"))[0]).toBe(500);
  expect((await text("/waits"))[1]).toBe("done");
  expect(app.host.pool.pids).not.toContain(before);
});

test("an endless loop is ended at the function timeout, and the app answers again", async () => {
  expect((await text("/loops"))[0]).toBe(500);
  expect(
    app.log.some(({ text: line }) => line.includes("Timeout value of 00:00:02 was exceeded by function: loops")),
  ).toBe(true);
  expect((await text("/waits"))[1]).toBe("done");
});
