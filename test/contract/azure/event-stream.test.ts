import { EventHubConsumerClient } from "@azure/event-hubs";
import { startEventHubs, type EventHubs } from "../../../lab/event-hubs/server";
import { EventHubStream } from "../../../shared/adapters/azure/event-stream";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { addMs, instant, type Instant } from "../../../shared/domain/instant";
import type { StreamEvent, StreamPage } from "../../../shared/ports/event-stream";
import { createCatchUpPartition, createListStreamPartitions } from "../../../shared/steps/catch-up";
import { createIngestEvents } from "../../../shared/use-cases/ingest-events";
import { MemorySourceCounters } from "../../support/memory-intake";
import { MemoryFactStore, MemoryPoisonStore } from "../../support/memory-stores";

// Over the official SDK, against the lab's event hub.

/** The hub's clock, in the tests' hand. */
class Time {
  at = instant(Date.UTC(2026, 0, 1));
  now(): number {
    return this.at;
  }
  after(delayMs: number, action: () => void): () => void {
    const timer = setTimeout(action, delayMs);
    return () => {
      clearTimeout(timer);
    };
  }
}

let time: Time;
let lab: EventHubs;
let stream: EventHubStream;
beforeEach(async () => {
  time = new Time();
  lab = await startEventHubs({ clock: time, hubs: [{ name: "fleet", partitions: 2, consumerGroups: ["catch-up"] }] });
  stream = connect("catch-up");
});
afterEach(async () => {
  await stream.close();
  await lab.stop();
});

function connect(consumerGroup: string): EventHubStream {
  const connectionString = lab.connectionString("fleet");
  return new EventHubStream(
    { address: { kind: "connection-string", connectionString }, eventHub: "fleet", consumerGroup },
    2_000,
  );
}

/** A heartbeat a second later, from the device of this number. */
function beat(n: number, partitionId = "0"): void {
  time.at = addMs(time.at, 1_000);
  lab.append("fleet", {
    partitionId,
    body: Buffer.alloc(0),
    applicationProperties: { messageType: "heartbeat" },
    annotations: {
      "iothub-connection-device-id": `pump-${n}`,
      "iothub-enqueuedtime": new Date(time.at),
      "iothub-message-source": "Telemetry",
    },
  });
}

async function all(page: Omit<StreamPage, "until"> & { readonly until?: Instant }): Promise<[string[], boolean]> {
  const { events, end } = await stream.read({ until: time.at, ...page });
  return [events.map(({ systemProperties }) => String(systemProperties["iothub-connection-device-id"])), end];
}

const page = { partition: "0", limit: 100 };

test("the partitions are known", async () => {
  expect(await stream.partitions()).toEqual(["0", "1"]);
});

test("events are read from a moment up to another, as the trigger has them", async () => {
  const begin = time.at;
  for (let n = 1; n <= 6; n += 1) beat(n);
  beat(7, "1");
  expect(await all({ ...page, since: begin })).toEqual([
    ["pump-1", "pump-2", "pump-3", "pump-4", "pump-5", "pump-6"],
    true,
  ]);
  expect(await all({ ...page, since: addMs(begin, 3_000), until: addMs(begin, 5_000) })).toEqual([
    ["pump-3", "pump-4", "pump-5"],
    true,
  ]);
  const { events } = await stream.read({ ...page, since: begin, until: time.at });
  expect(events[1]).toMatchObject<Partial<StreamEvent>>({
    partition: "0",
    properties: { messageType: "heartbeat" },
    enqueuedAt: addMs(begin, 2_000),
  });
  expect(events[1]?.body).toHaveLength(0);
});

test("a page goes on where the one before has ended", async () => {
  const since = time.at;
  for (let n = 1; n <= 5; n += 1) beat(n);
  const first = await stream.read({ ...page, since, until: time.at, limit: 2 });
  expect([first.events.length, first.end]).toEqual([2, false]);
  const after = first.events.at(-1)?.sequenceNumber;
  expect(await all({ ...page, since, after })).toEqual([["pump-3", "pump-4", "pump-5"], true]);
});

test("an empty partition, and one without anything new, are at their end at once", async () => {
  const since = time.at;
  expect(await all({ ...page, since })).toEqual([[], true]);
  beat(1);
  expect(await all({ ...page, since: addMs(time.at, 1) })).toEqual([[], true]);
});

test("the trigger, which owns its partitions in another consumer group, goes on reading", async () => {
  const since = time.at;
  const heard: number[] = [];
  const errors: Error[] = [];
  const trigger = new EventHubConsumerClient("$Default", lab.connectionString("fleet"));
  let enough: () => void = () => undefined;
  const two = new Promise<void>((resolve) => (enough = resolve));
  const subscription = trigger.subscribe(
    "0",
    {
      processEvents: (events) => {
        heard.push(...events.map(({ sequenceNumber }) => sequenceNumber));
        if (heard.length === 2) enough();
        return Promise.resolve();
      },
      processError: (error) => Promise.resolve(void errors.push(error)),
    },
    { startPosition: { offset: "-1" }, ownerLevel: 0, maxWaitTimeInSeconds: 1 },
  );
  beat(1);
  expect(await all({ ...page, since })).toEqual([["pump-1"], true]);
  beat(2);
  await two;
  expect(errors).toEqual([]);
  await subscription.close();
  await trigger.close();
});

test("a consumer group that does not exist is said so, and nothing is waited for", async () => {
  const since = time.at;
  beat(1);
  const other = connect("nobody");
  await expect(other.read({ ...page, since, until: time.at })).rejects.toMatchObject({
    code: "service-denied-us",
    retryable: false,
  });
  await other.close();
});

test("a namespace that does not answer is an outage that does not name its key", async () => {
  const gone = await startEventHubs({ hubs: [{ name: "fleet" }] });
  const connectionString = gone.connectionString("fleet");
  await gone.stop();
  const address = { kind: "connection-string", connectionString } as const;
  const lost = new EventHubStream({ address, eventHub: "fleet", consumerGroup: "catch-up" }, 1_000);
  const error: unknown = await lost.partitions().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "service-unavailable", retryable: true });
  expect(String(error)).not.toMatch(/SharedAccess|bGFi/);
  await lost.close();
});

test("catching up takes in what was missed, and counts what was known as duplicate and older ones as stale", async () => {
  const [facts, poison, counters] = [new MemoryFactStore(), new MemoryPoisonStore(), new MemorySourceCounters()];
  const clock = { now: () => time.at };
  const ingest = createIngestEvents({ clock, certificates: nodeCertificateReader, facts, poison, counters });
  const since = time.at;
  for (const n of [1, 1, 2, 3]) beat(n);
  // The trigger had the first three; the app was down for the last.
  const { events } = await stream.read({ ...page, since, until: time.at, limit: 3 });
  await ingest("fleet", events);
  const deps = { stream, ingest };
  expect(await createListStreamPartitions(deps)({})).toEqual({ partitions: ["0", "1"] });
  const again = { partition: "0", since, until: time.at };
  expect(await createCatchUpPartition(deps)(again)).toEqual({ received: 4 });
  const [sums] = await counters.list();
  expect(sums).toMatchObject({ source: "fleet/0", received: 7, applied: 4, duplicate: 2, stale: 1 });
  const before = facts.writes;
  await createCatchUpPartition(deps)(again);
  expect(facts.writes).toBe(before);
});
