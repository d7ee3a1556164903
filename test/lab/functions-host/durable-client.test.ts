import { type AppHost, startApp } from "./app-host";

interface Status {
  readonly instanceId: string;
  readonly runtimeStatus: string;
  readonly output: unknown;
  readonly input: unknown;
  readonly customStatus: unknown;
  readonly name: string;
}

describe.each([
  ["the RPC endpoint", true],
  ["the public webhooks", false],
])("the SDK's own DurableClient over %s", (_name, rpc) => {
  let app: AppHost;
  beforeAll(async () => {
    app = await startApp("client", { rpc });
  });
  afterAll(() => app.stop());

  async function call<T>(method: string, ...args: unknown[]): Promise<T> {
    const answer = await fetch(`${app.host.url}/api/client/${method}`, { method: "POST", body: JSON.stringify(args) });
    const body = (await answer.json()) as { result?: T; error?: string };
    if (body.error !== undefined) throw new Error(body.error);
    return body.result as T;
  }
  const startNew = (name: string, input?: unknown, instanceId?: string): Promise<string> =>
    call("startNew", name, {
      ...(input === undefined ? {} : { input }),
      ...(instanceId === undefined ? {} : { instanceId }),
    });
  const getStatus = (id: string): Promise<Status> => call("getStatus", id);

  test("starts an instance and reads its status, input and output", async () => {
    const id = await startNew("simple", 21, "answer");
    expect(id).toBe("answer");
    await app.ended(id);
    expect(await getStatus(id)).toMatchObject({
      name: "simple",
      runtimeStatus: "Completed",
      input: 21,
      output: 42,
      customStatus: { step: "doubling" },
    });
  });

  test("makes an id of its own when none is given", async () => {
    expect(await startNew("simple", 1)).toMatch(/^[0-9a-f]{32}$/);
  });

  test("gives instances the default version, and the one that is asked for", async () => {
    expect((await app.ended(await startNew("version"))).output).toBe(2);
    expect((await app.ended(await call("startNew", "version", { version: "2.5" }))).output).toBe(5);
  });

  test("refuses an unknown orchestrator, a running id and a forbidden id", async () => {
    await expect(startNew("nobody")).rejects.toThrow(/400.*nobody.*doesn't exist/s);
    await startNew("waits", undefined, "busy");
    await expect(startNew("waits", undefined, "busy")).rejects.toThrow(/already exists/);
    await expect(startNew("waits", undefined, "@x@y")).rejects.toThrow(/must not start with '@'/);
  });

  test("replaces a finished instance of the same id", async () => {
    await app.ended(await startNew("simple", 1, "twice"));
    await startNew("simple", 5, "twice");
    await app.until(() => app.host.store.instance("twice")?.output === "10", "The second run");
  });

  test("raises events, and forgives those that come too late", async () => {
    const id = await startNew("waits");
    await call("raiseEvent", id, "go", { answer: 1 });
    expect((await app.ended(id)).output).toEqual({ answer: 1 });
    await expect(call("raiseEvent", id, "go", 2)).resolves.toBeNull();
    await expect(call("raiseEvent", "nobody", "go", 2)).rejects.toThrow(/No instance with ID 'nobody' found/);
  });

  test("an event without data is refused, as by Azure", async () => {
    const id = await startNew("waits");
    await expect(call("raiseEvent", id, "go")).rejects.toThrow(/400/);
  });

  test("terminates, suspends and resumes", async () => {
    const id = await startNew("waits");
    await app.until(() => app.host.store.instance(id)?.status === 0, "Running");
    await call("suspend", id, "pause");
    await app.until(() => app.host.store.instance(id)?.status === 7, "Suspended");
    expect((await getStatus(id)).runtimeStatus).toBe("Suspended");
    await call("resume", id, "on");
    await app.until(() => app.host.store.instance(id)?.status === 0, "Running again");
    await call("terminate", id, "enough");
    expect(await app.ended(id)).toEqual({ status: "Terminated", output: "enough" });
    await expect(call("terminate", id, "again")).resolves.toBeNull();
  });

  test("rewinds a failed instance to before its failure, and a failed child with its parent", async () => {
    const single = await startNew("recovers", { times: 1 });
    expect((await app.ended(single)).status).toBe("Failed");
    await call("rewind", single, "try again");
    await app.until(() => app.host.store.instance(single)?.output === '"recovered"', "Recovery");
    const parent = await startNew("recoversInChild", { times: 3 });
    expect((await app.ended(parent)).status).toBe("Failed");
    await call("rewind", parent, "try again");
    await app.until(() => app.host.store.instance(parent)?.output === '"recovered"', "Recovery of the parent");
    await expect(call("rewind", parent, "no need")).rejects.toThrow(/only supported on failed/);
  });

  test("purges one instance, and by filter", async () => {
    const id = await startNew("simple", 1);
    await app.ended(id);
    expect(await call("purgeInstanceHistory", id)).toMatchObject({ instancesDeleted: 1 });
    expect(await call("purgeInstanceHistory", id)).toMatchObject({ instancesDeleted: 0 });
    await expect(getStatus(id)).rejects.toThrow(/404/);
    await app.ended(await startNew("simple", 2));
    const deleted = await call<{ instancesDeleted: number }>("purgeInstanceHistoryBy", {
      createdTimeFrom: "2020-01-01T00:00:00Z",
      createdTimeTo: "2100-01-01T00:00:00Z",
      runtimeStatus: ["Completed"],
    });
    expect(deleted.instancesDeleted).toBeGreaterThan(0);
    expect(await call<Status[]>("getStatusBy", { runtimeStatus: ["Completed"] })).toEqual([]);
  });

  test("lists more instances than fit on one page", async () => {
    const ids = Array.from({ length: 120 }, (_, index) => `page-${String(index).padStart(3, "0")}`);
    for (const id of ids) app.start("simple", 1, id);
    const found = await call<Status[]>("getStatusAll");
    expect(new Set(found.map(({ instanceId }) => instanceId).filter((id) => id.startsWith("page-"))).size).toBe(120);
    await Promise.all(ids.map((id) => app.ended(id)));
  });

  test("signals an entity, reads it, and reads nothing when it is deleted", async () => {
    const id = { entity: ["counter", "seen"] };
    expect(await call("readEntityState", id)).toMatchObject({ entityExists: false });
    await call("signalEntity", id, "add", 4);
    await call("signalEntity", id, "add", 5);
    const read = () => call<{ entityExists: boolean; entityState?: number }>("readEntityState", id);
    await app.until(() => app.host.engine.isIdle, "The signals");
    expect(await read()).toMatchObject({ entityExists: true, entityState: 9 });
    await call("signalEntity", id, "delete");
    await app.until(() => app.host.engine.isIdle, "The deletion");
    expect(await read()).toMatchObject({ entityExists: false });
  });

  test("answers a check-status response whose addresses lead to the instance", async () => {
    const id = await startNew("simple", 3);
    await app.ended(id);
    const answer = await fetch(`${app.host.url}/api/check/${id}`);
    expect(answer.status).toBe(202);
    expect(answer.headers.get("retry-after")).toBe("10");
    const links = (await answer.json()) as { statusQueryGetUri: string };
    expect(answer.headers.get("location")).toBe(links.statusQueryGetUri);
    const status = await fetch(links.statusQueryGetUri);
    expect(status.status).toBe(200);
    expect(await status.json()).toMatchObject({ output: 6 });
  });

  test("waits for an instance and answers its output", async () => {
    const id = await startNew("simple", 7);
    const answer = await fetch(`${app.host.url}/api/wait/${id}`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toBe(14);
  });
});

describe("the management API", () => {
  let app: AppHost;
  beforeAll(async () => {
    app = await startApp("client");
  });
  afterAll(() => app.stop());

  test("shows the history with what was scheduled merged into what it became", async () => {
    const id = app.start("simple", 5);
    await app.ended(id);
    const url = `${app.host.url}/runtime/webhooks/durabletask/instances/${id}?showHistory=true&showHistoryOutput=true`;
    const { historyEvents } = (await (await fetch(url)).json()) as { historyEvents: Record<string, unknown>[] };
    expect(historyEvents.map((event) => event["EventType"])).toEqual([
      "ExecutionStarted",
      "TaskCompleted",
      "ExecutionCompleted",
    ]);
    expect(historyEvents[1]).toMatchObject({ FunctionName: "double", Result: 10 });
    expect(historyEvents[2]).toMatchObject({ OrchestrationStatus: "Completed", Result: 10 });
  });

  test("answers 202 with an address while an instance runs, and 404 for an unknown one", async () => {
    const id = app.start("waits");
    const answer = await fetch(`${app.host.url}/runtime/webhooks/durabletask/instances/${id}`);
    expect(answer.status).toBe(202);
    expect(answer.headers.get("location")).toContain(`/instances/${id}?`);
    expect((await fetch(`${app.host.url}/runtime/webhooks/durabletask/instances/nobody`)).status).toBe(404);
    expect((await fetch(`${app.host.url}/runtime/webhooks/durabletask/nothing`)).status).toBe(404);
  });

  test("waits for the output when a start asks it to", async () => {
    const url = `${app.host.url}/runtime/webhooks/durabletask/orchestrators/simple?timeout=5&pollingInterval=0.02`;
    const answer = await fetch(url, { method: "POST", body: "8" });
    expect([answer.status, await answer.json()]).toEqual([200, 16]);
  });

  test.each([
    ["a new id", "", false],
    ["the same id", "?restartWithNewInstanceId=false", true],
  ])("restarts an instance with %s", async (_what, query, same) => {
    const id = app.start("simple", 4);
    await app.ended(id);
    const url = `${app.host.url}/durabletask/instances/${id}/restart${query}`;
    const started = (await (await fetch(url, { method: "POST" })).json()) as { id: string };
    expect(started.id === id).toBe(same);
    expect((await app.ended(started.id)).output).toBe(8);
  });

  test("refuses a start whose body is not JSON", async () => {
    const url = `${app.host.url}/runtime/webhooks/durabletask/orchestrators/simple`;
    const answer = await fetch(url, { method: "POST", body: "{nonsense" });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ Message: "The request body is not JSON." });
  });
});
