import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventHubProducerClient } from "@azure/event-hubs";
import { startEventHubs } from "../../../lab/event-hubs/server";
import type { HostOptions } from "../../../lab/functions-host/options";
import type { HubEvent } from "../../../lab/functions-host/triggers/event-source";
import { type AppHost, startApp } from "./app-host";
import { hubEvent, hubOf } from "./event-sources";

let folder: string;
let app: AppHost | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "event-hub-trigger-"));
});
afterEach(async () => {
  await app?.stop();
  app = undefined;
  rmSync(folder, { recursive: true, force: true });
});

interface Recorded extends Readonly<Record<string, unknown>> {
  readonly name: string;
}

function recorded(name: string): Recorded[] {
  const file = join(folder, "record");
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  return lines.map((line) => JSON.parse(line) as Recorded).filter((entry) => entry.name === name);
}

async function open(
  options: Partial<HostOptions>,
  connection = "Endpoint=sb://none",
  more: Readonly<Record<string, string>> = {},
): Promise<AppHost> {
  const settings = {
    EVENTS: connection,
    HUB_NAME: "telemetry",
    HOURLY: "0 0 * * * *",
    RECORD_FILE: join(folder, "record"),
    ...more,
  };
  app = await startApp("triggers", { storeFile: join(folder, "host.db"), settings, ...options });
  return app;
}

const withBatches = (...batches: HubEvent[][]) => open({ openEventSource: hubOf(batches) });

test("with dataType binary every body arrives, empty and broken ones too, and the metadata keeps step", async () => {
  const host = await withBatches([
    hubEvent(1, "", { systemProperties: { "iothub-connection-device-id": "dev-1" } }),
    hubEvent(2, "{broken", { properties: { OpType: "x" }, partitionKey: "k" }),
  ]);
  await host.until(() => recorded("asBinary").length === 1, "The batch");
  expect(recorded("asBinary")[0]).toMatchObject({
    messages: ["", "{broken"],
    metadata: {
      partitionContext: { partitionId: "0", eventHubName: "telemetry", consumerGroup: "$Default" },
      sequenceNumberArray: [1, 2],
      // The library parses every text of a collection as JSON where it can: offsets become numbers.
      offsetArray: [100, 200],
      enqueuedTimeUtcArray: ["2026-01-01T00:00:00.001Z", "2026-01-01T00:00:00.002Z"],
      propertiesArray: [{}, { opType: "x" }],
      systemPropertiesArray: [{ "iothub-connection-device-id": "dev-1", sequenceNumber: 1 }, { sequenceNumber: 2 }],
      // Empty keys are dropped, so this one is shorter than the batch.
      partitionKeyArray: ["k"],
    },
  });
});

test("with dataType string empty bodies vanish while the metadata keeps their places", async () => {
  const host = await withBatches([hubEvent(1, ""), hubEvent(2, '"text"'), hubEvent(3, "plain")]);
  await host.until(() => recorded("asText").length === 1, "The batch");
  expect(recorded("asText")[0]).toMatchObject({ messages: ["text", "plain"], sequence: [1, 2, 3] });
});

test("without a data type one body that is not JSON loses its whole batch, and the next one is read", async () => {
  const host = await withBatches([hubEvent(1, "{}"), hubEvent(2, "{broken")], [hubEvent(3, '{"a":1}')]);
  await host.until(() => recorded("asJson").length === 1, "The second batch");
  expect(recorded("asJson")[0]).toMatchObject({ messages: [{ a: 1 }] });
  expect(host.log.some(({ text }) => text.includes("event 2 of the batch is not JSON"))).toBe(true);
});

const batching = (least: string, wait: string) => ({
  AzureFunctionsJobHost__extensions__eventHubs__minEventBatchSize: least,
  AzureFunctionsJobHost__extensions__eventHubs__maxWaitTime: wait,
});

test("events are held until there are as many as the host waits for", async () => {
  const batches = [[hubEvent(1, "a")], [hubEvent(2, "b")], [hubEvent(3, "c")]];
  const host = await open({ openEventSource: hubOf(batches) }, undefined, batching("3", "01:00:00"));
  await host.until(() => recorded("asText").length === 1, "The batch");
  expect(recorded("asText")[0]).toMatchObject({ sequence: [1, 2, 3] });
});

test("events are not held longer than the host may wait", async () => {
  const batches = [[hubEvent(1, "a")], [hubEvent(2, "b")]];
  const host = await open({ openEventSource: hubOf(batches) }, undefined, batching("100", "00:00:00"));
  await host.until(() => recorded("asText").length === 2, "Both batches");
  expect(recorded("asText").map(({ sequence }) => sequence)).toEqual([[1], [2]]);
});

test("cardinality one calls the handler per event", async () => {
  const host = await withBatches([hubEvent(1, '{"n":1}'), hubEvent(2, "two")]);
  await host.until(() => recorded("oneByOne").length === 2, "Both events");
  expect(recorded("oneByOne").map(({ message }) => message)).toEqual([{ n: 1 }, "two"]);
});

test("a retry policy without end keeps the batch until the handler succeeds", async () => {
  const host = await withBatches([hubEvent(1, "a"), hubEvent(2, "b")]);
  await host.until(() => recorded("retries").length === 1, "The success");
  expect(recorded("retries")[0]).toMatchObject({ count: 2, retryCount: 3 });
});

test("without a retry policy a failed batch is lost, and a restart goes on behind it", async () => {
  const events = [[hubEvent(1, "a")], [hubEvent(2, "b")]];
  const first = await withBatches(...events);
  await first.until(() => recorded("gives-up").length === 2, "Both batches");
  const saved = () =>
    first.host.store.file.get(
      "SELECT sequence_number AS n FROM checkpoints WHERE consumer_group = 'gives-up/gives-up'",
      (row) => row["n"],
    );
  await first.until(() => saved() === 2, "The checkpoint");
  await first.stop();
  const second = await withBatches(...events, [hubEvent(3, "c")]);
  await second.until(() => recorded("gives-up").length === 3, "The new event");
  expect(recorded("gives-up").map(({ messages }) => messages)).toEqual([["a"], ["b"], ["c"]]);
});

test("reads a hub through the official SDK, per partition in order, and after a restart only what is new", async () => {
  const lab = await startEventHubs({
    hubs: [{ name: "telemetry", partitions: 2, consumerGroups: ["text", "json", "single", "retries", "gives-up"] }],
  });
  const connection = lab.connectionString("telemetry");
  const producer = new EventHubProducerClient(connection);
  try {
    const send = (partitionId: string, ...bodies: string[]) =>
      producer.sendBatch(
        bodies.map((body) => ({ body: Buffer.from(body) })),
        { partitionId },
      );
    await send("0", "a1", "a2");
    await send("1", "b1");
    const bodies = () => recorded("asBinary").flatMap(({ messages }) => messages as string[]);
    const first = await open({}, connection);
    await first.until(() => bodies().length === 3, "The first events");
    expect(bodies().filter((body) => body.startsWith("a"))).toEqual(["a1", "a2"]);
    await first.until(
      () =>
        first.host.store.file.all("SELECT 1 FROM checkpoints WHERE consumer_group LIKE '%asBinary'", () => 1).length ===
        2,
      "The checkpoints",
    );
    await first.stop();
    await send("0", "a3");
    const second = await open({}, connection);
    await second.until(() => bodies().length === 4, "The new event");
    expect(bodies().at(-1)).toBe("a3");
  } finally {
    await app?.stop();
    app = undefined;
    await producer.close();
    await lab.stop();
  }
});

test("Event Grid: answers the handshake, runs once per event, and asks for another delivery after a failure", async () => {
  const host = await withBatches();
  const url = `${host.host.url}/runtime/webhooks/eventgrid?functionName=grid`;
  const post = (kind: string, events: unknown) =>
    fetch(url, { method: "POST", headers: { "aeg-event-type": kind }, body: JSON.stringify(events) });
  const handshake = await post("SubscriptionValidation", [{ data: { validationCode: "abc" } }]);
  expect(await handshake.json()).toEqual({ validationResponse: "abc" });
  expect((await post("Notification", [{ subject: "one" }, { subject: "two" }])).status).toBe(202);
  expect(recorded("grid").map(({ event }) => event)).toEqual([{ subject: "one" }, { subject: "two" }]);
  expect((await post("Notification", [{ subject: "fail" }])).status).toBe(500);
  expect((await fetch(`${url}x`, { method: "POST", body: "[]" })).status).toBe(404);
});
