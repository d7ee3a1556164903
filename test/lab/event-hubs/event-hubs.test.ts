import {
  EventHubConsumerClient,
  EventHubProducerClient,
  type ReceivedEventData,
  type SubscribeOptions,
} from "@azure/event-hubs";
import { Faults } from "../../../lab/faults/faults";
import { startEventHubs, type EventHubs } from "../../../lab/event-hubs/server";

let lab: EventHubs;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  lab = await startEventHubs({ hubs: [{ name: "telemetry", partitions: 2, consumerGroups: ["audit"] }] });
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await lab.stop();
});

function producer(): EventHubProducerClient {
  const client = new EventHubProducerClient(lab.connectionString("telemetry"));
  closing.push(() => client.close());
  return client;
}

function consumer(group = "$Default"): EventHubConsumerClient {
  const client = new EventHubConsumerClient(group, lab.connectionString("telemetry"), {
    retryOptions: { maxRetries: 1, retryDelayInMs: 50 },
  });
  closing.push(() => client.close());
  return client;
}

type Position = NonNullable<SubscribeOptions["startPosition"]>;

/** Collects events until the caller has seen enough. */
function collect(
  client: EventHubConsumerClient,
  partition: string | undefined,
  startPosition: Position,
  ownerLevel?: number,
) {
  const events: ReceivedEventData[] = [];
  const errors: (Error & { code?: string })[] = [];
  const waiting: (() => void)[] = [];
  const wake = () => {
    for (const resume of waiting.splice(0)) resume();
  };
  const handlers = {
    processEvents: (batch: ReceivedEventData[]) => {
      events.push(...batch);
      wake();
      return Promise.resolve();
    },
    processError: (error: Error) => {
      errors.push(error);
      wake();
      return Promise.resolve();
    },
  };
  const options = {
    startPosition,
    maxWaitTimeInSeconds: 1,
    ...(ownerLevel === undefined ? {} : { ownerLevel }),
  };
  const subscription =
    partition === undefined ? client.subscribe(handlers, options) : client.subscribe(partition, handlers, options);
  closing.push(() => subscription.close());
  const until = async (enough: () => boolean) => {
    while (!enough()) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return { events, errors, until, subscription };
}

describe("the Event Hubs endpoint, by its official SDK", () => {
  it("tells its partitions and what is in them", async () => {
    lab.append("telemetry", { partitionId: "1", body: Buffer.from("a") });
    lab.append("telemetry", { partitionId: "1", body: Buffer.from("b") });
    const client = consumer();
    expect(await client.getPartitionIds()).toEqual(["0", "1"]);
    expect((await client.getEventHubProperties()).name).toBe("telemetry");
    expect(await client.getPartitionProperties("0")).toMatchObject({ isEmpty: true, lastEnqueuedSequenceNumber: -1 });
    const [, last] = lab.store.read("telemetry");
    expect(await client.getPartitionProperties("1")).toMatchObject({
      isEmpty: false,
      beginningSequenceNumber: 0,
      lastEnqueuedSequenceNumber: 1,
      lastEnqueuedOffset: String(last!.offset),
      lastEnqueuedOnUtc: new Date(last!.enqueuedAt),
    });
  });

  it("delivers what IoT Hub puts in: system properties as annotations, the bag as properties, an empty body as empty", async () => {
    lab.append("telemetry", {
      partitionKey: "dev-001",
      body: Buffer.alloc(0),
      applicationProperties: { messageType: "heartbeat", "k y": "v&=1" },
      properties: { messageId: "mid", contentType: "application/json", contentEncoding: "utf-8" },
      annotations: {
        "iothub-connection-device-id": "dev-001",
        "iothub-enqueuedtime": new Date("2026-11-22T09:00:00.123Z"),
      },
    });
    const { events, until } = collect(consumer(), undefined, { offset: "-1" });
    await until(() => events.length === 1);
    const [event] = events;
    expect(event).toMatchObject({
      partitionKey: "dev-001",
      sequenceNumber: 0,
      properties: { messageType: "heartbeat", "k y": "v&=1" },
      messageId: "mid",
      contentType: "application/json",
      systemProperties: {
        "iothub-connection-device-id": "dev-001",
        "iothub-enqueuedtime": Date.parse("2026-11-22T09:00:00.123Z"),
        contentEncoding: "utf-8",
      },
    });
    expect(event!.getRawAmqpMessage().bodyType).toBe("data");
    expect(String(event!.body)).toBe("");
  });

  it("keeps events of one partition key together and in order", async () => {
    const client = producer();
    await client.sendBatch(
      Array.from({ length: 20 }, (_unused, index) => ({ body: index })),
      { partitionKey: "dev-007" },
    );
    const [first, ...rest] = lab.store.read("telemetry");
    expect(rest.every((event) => event.partitionId === first!.partitionId)).toBe(true);
    expect([first!, ...rest].map((event) => Number(event.body.toString()))).toEqual(
      Array.from({ length: 20 }, (_unused, index) => index),
    );
    expect(first!.annotations["x-opt-partition-key"]).toBe("dev-007");
  });

  it("takes events for a named partition and keeps their properties", async () => {
    await producer().sendBatch([{ body: { t: 1 }, properties: { a: "b" }, messageId: "m" }], { partitionId: "1" });
    expect(lab.store.read("telemetry")).toMatchObject([
      { partitionId: "1", sequenceNumber: 0, applicationProperties: { a: "b" }, messageId: "m" },
    ]);
  });

  it.each<[string, Position, string[]]>([
    ["after a sequence number", { sequenceNumber: 1 }, ["c", "d"]],
    ["at a sequence number", { sequenceNumber: 1, isInclusive: true }, ["b", "c", "d"]],
    ["from the beginning", { offset: "-1" }, ["a", "b", "c", "d"]],
    ["after a time", { enqueuedOn: 1_001 }, ["c", "d"]],
  ])("starts a reader %s", async (_name, position, expected) => {
    await lab.stop();
    let now = 1_000;
    const clock = { now: () => now, after: () => () => undefined };
    lab = await startEventHubs({
      clock,
      hubs: [{ name: "telemetry", partitions: 1 }],
      switches: { requireToken: false },
    });
    for (const body of ["a", "b", "c", "d"]) {
      lab.append("telemetry", { body: Buffer.from(JSON.stringify(body)) });
      now += 1;
    }
    const { events, until } = collect(consumer(), "0", position);
    await until(() => events.length >= expected.length);
    expect(events.map((event) => event.body as string)).toEqual(expected);
  });

  it("starts a reader after an offset", async () => {
    for (const body of ["a", "b", "c"]) lab.append("telemetry", { partitionId: "0", body: Buffer.from(body) });
    const [, second] = lab.store.read("telemetry");
    const { events, until } = collect(consumer(), "0", { offset: String(second!.offset) });
    await until(() => events.length === 1);
    expect(events[0]!.sequenceNumber).toBe(2);
  });

  it("shows a reader at @latest only what comes afterwards", async () => {
    lab.append("telemetry", { partitionId: "0", body: Buffer.from("old") });
    const attached = collect(consumer(), "0", { offset: "@latest" });
    const other = collect(consumer("audit"), "0", { offset: "-1" });
    await other.until(() => other.events.length === 1);
    await producerUntil(() => attached.events.length > 0);
    expect(attached.events.map((event) => String(event.body))).not.toContain("old");
  });

  it("goes on at the right event after its connections were cut", async () => {
    lab.append("telemetry", { partitionId: "0", body: Buffer.from("1") });
    const { events, until } = collect(consumer(), "0", { offset: "-1" });
    await until(() => events.length === 1);
    lab.cutConnections();
    lab.append("telemetry", { partitionId: "0", body: Buffer.from("2") });
    await until(() => events.length === 2);
    expect(events.map((event) => event.sequenceNumber)).toEqual([0, 1]);
  });

  it("lets a reader with a higher owner level steal a partition", async () => {
    lab.append("telemetry", { partitionId: "0", body: Buffer.from("1") });
    const low = collect(consumer(), "0", { offset: "-1" }, 1);
    await low.until(() => low.events.length === 1);
    const high = collect(consumer(), "0", { offset: "-1" }, 2);
    await high.until(() => high.events.length === 1);
    await low.until(() => low.errors.length > 0);
    expect(low.errors[0]!.code).toBe("ReceiverDisconnectedError");
    const late = collect(consumer(), "0", { offset: "-1" }, 1);
    await late.until(() => late.errors.length > 0);
    expect(late.errors[0]!.code).toBe("ReceiverDisconnectedError");
    expect(late.events).toEqual([]);
  });

  it("refuses an unknown consumer group, partition and event hub by name", async () => {
    const group = collect(consumer("nobody"), "0", { offset: "-1" });
    await group.until(() => group.errors.length > 0);
    expect(group.errors[0]!.code).toBe("MessagingEntityNotFoundError");
    await expect(consumer().getPartitionProperties("9")).rejects.toThrow(/between 0 and 1/);
    const elsewhere = new EventHubProducerClient(lab.connectionString("nowhere"), { retryOptions: { maxRetries: 0 } });
    closing.push(() => elsewhere.close());
    await expect(elsewhere.sendBatch([{ body: 1 }])).rejects.toMatchObject({ code: "MessagingEntityNotFoundError" });
  });

  it("refuses a wrong key", async () => {
    const wrong = lab.connectionString("telemetry").replace(lab.policy.key, "d3Jvbmc=");
    const client = new EventHubProducerClient(wrong, { retryOptions: { maxRetries: 0 } });
    closing.push(() => client.close());
    await expect(client.sendBatch([{ body: 1 }])).rejects.toMatchObject({ code: "UnauthorizedError" });
    expect(lab.store.read("telemetry")).toEqual([]);
  });

  it("tells a producer that it is busy when a fault says so, and takes the event when it tries again", async () => {
    await lab.stop();
    const faults = new Faults();
    lab = await startEventHubs({ faults, hubs: [{ name: "telemetry", partitions: 1 }] });
    faults.add({ operation: "events.send", effect: { kind: "status", status: 503 }, times: 1 });
    const client = new EventHubProducerClient(lab.connectionString("telemetry"), {
      retryOptions: { maxRetries: 0 },
    });
    closing.push(() => client.close());
    await expect(client.sendBatch([{ body: "x" }])).rejects.toMatchObject({ code: "ServerBusyError" });
    await client.sendBatch([{ body: "x" }]);
    expect(lab.store.read("telemetry")).toHaveLength(1);
  });
});

describe("the log of a partition", () => {
  it("keeps no more than its retention says", async () => {
    await lab.stop();
    lab = await startEventHubs({
      hubs: [{ name: "telemetry", partitions: 1 }],
      retention: { eventsPerPartition: 10 },
    });
    for (let i = 0; i < 100; i += 1) lab.append("telemetry", { body: Buffer.from(String(i)) });
    const kept = lab.store.read("telemetry");
    expect(kept.length).toBeLessThanOrEqual(12);
    expect(kept.at(-1)!.body.toString()).toBe("99");
  });

  it("writes twice, out of order or late when its switches say so", async () => {
    await lab.stop();
    const later: (() => void)[] = [];
    const clock = {
      now: () => 0,
      after: (_delay: number, action: () => void) => {
        later.push(action);
        return () => undefined;
      },
    };
    lab = await startEventHubs({ clock, hubs: [{ name: "telemetry", partitions: 1 }] });
    const bodies = () => lab.store.read("telemetry").map((event) => event.body.toString());
    const append = (body: string) => lab.append("telemetry", { body: Buffer.from(body) });
    lab.switches.duplicateEvery = 2;
    append("a");
    append("b");
    expect(bodies()).toEqual(["a", "b", "b"]);
    lab.switches.duplicateEvery = 0;
    lab.switches.reorderEvery = 3;
    append("c");
    append("d");
    expect(bodies()).toEqual(["a", "b", "b", "d", "c"]);
    lab.switches.reorderEvery = 0;
    lab.switches.lateByMs = 1_000;
    append("e");
    expect(bodies()).not.toContain("e");
    for (const action of later) action();
    expect(bodies().filter((body) => body === "e" || body === "c")).toEqual(["c", "e"]);
  });
});

async function producerUntil(enough: () => boolean): Promise<void> {
  while (!enough()) {
    lab.append("telemetry", { partitionId: "0", body: Buffer.from("new") });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
