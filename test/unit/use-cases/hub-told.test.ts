import fc from "fast-check";
import { resourceLogOf } from "../../../lab/iot-hub/events/resource-log";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import type { DeviceFacts } from "../../../shared/domain/device-facts";
import { DeviceId } from "../../../shared/domain/ids";
import { addMs, formatInstant } from "../../../shared/domain/instant";
import { NO_EVENTS, type EventCounts } from "../../../shared/domain/source-counts";
import { createIngestConnectionLogs, createIngestHubFacts } from "../../../shared/use-cases/hub-told";
import type { StreamEvent } from "../../../shared/ports/event-stream";
import { createIngestEvents } from "../../../shared/use-cases/ingest-events";
import { createListKnocking } from "../../../shared/use-cases/list-knocking";
import { deviceId, leaked, rollId, t0 } from "../../support/builders";
import { MemorySourceCounters } from "../../support/memory-intake";
import { MemoryFactStore, MemoryPoisonStore } from "../../support/memory-stores";
import { Bed } from "../steps/bed";
import { cloudEvent, gridEvent } from "./alert-samples";
import { Door } from "./door";
import { anEvent, systemOf } from "./events";

const hubHost = "lab-hub.azure-devices.net";

class Intake {
  readonly facts = new MemoryFactStore();
  readonly poison = new MemoryPoisonStore();
  readonly counters = new MemorySourceCounters();
  private readonly deps = {
    clock: { now: () => t0 },
    certificates: nodeCertificateReader,
    facts: this.facts,
    poison: this.poison,
    counters: this.counters,
    hubNames: new Set(["lab-hub"]),
  };
  readonly events = createIngestEvents(this.deps);
  readonly grid = createIngestHubFacts(this.deps);
  readonly logs = createIngestConnectionLogs(this.deps);

  hear(...events: readonly StreamEvent[]): Promise<EventCounts> {
    return this.events("fleet", events);
  }

  async hub(): Promise<NonNullable<DeviceFacts["hubs"]>[string] | undefined> {
    return (await this.facts.read([deviceId])).get(deviceId)?.hubs?.["lab-hub"];
  }
}

const sequence = (n: number): string => n.toString(16).toUpperCase().padStart(64, "0");

/** As the hub routes it; `n` is the event's number in the stream. */
function change(n: number, opType: string, at: number, seq = n, more: object = {}): StreamEvent {
  const isLifecycle = opType.endsWith("Identity");
  return anEvent(n, {
    body: Buffer.from(JSON.stringify(isLifecycle ? { version: 1 } : { sequenceNumber: sequence(seq) })),
    systemProperties: systemOf(n, {
      "iothub-message-source": isLifecycle ? "deviceLifecycleEvents" : "deviceConnectionStateEvents",
    }),
    properties: { hubName: "lab-hub", deviceId, opType, operationTimestamp: formatInstant(addMs(t0, at)), ...more },
  });
}

describe("a hub's own events in the stream of its devices", () => {
  it("say when the device connected and disconnected, was created and deleted; it counts as heard by none of them", async () => {
    const intake = new Intake();
    const counts = await intake.hear(
      change(1, "createDeviceIdentity", 1),
      change(2, "deviceConnected", 2),
      change(3, "deviceDisconnected", 3),
      change(4, "deleteDeviceIdentity", 4),
    );
    expect(counts).toEqual({ ...NO_EVENTS, received: 4, applied: 4 });
    expect(await intake.hub()).toEqual({
      created: addMs(t0, 1),
      connected: { at: addMs(t0, 2), sequence: sequence(2) },
      disconnected: { at: addMs(t0, 3), sequence: sequence(3) },
      deleted: addMs(t0, 4),
    });
    expect((await intake.facts.read([deviceId])).get(deviceId)?.lastSeen).toBeUndefined();
  });

  it("are ordered by the hub's sequence number, whatever their times and the order of arrival", async () => {
    const intake = new Intake();
    expect(await intake.hear(change(1, "deviceConnected", 9, 7))).toMatchObject({ applied: 1 });
    expect(await intake.hear(change(2, "deviceConnected", 20, 3))).toMatchObject({ stale: 1, applied: 0 });
    expect(await intake.hear(change(3, "deviceConnected", 9, 7))).toMatchObject({ duplicate: 1, applied: 0 });
    expect((await intake.hub())?.connected?.sequence).toBe(sequence(7));
  });

  it.each<[string, StreamEvent, Partial<EventCounts>]>([
    ["of a module", change(1, "deviceConnected", 1, 1, { moduleId: "agent" }), { ignored: 1 }],
    ["of a hub that is none of ours", change(1, "deviceConnected", 1, 1, { hubName: "other" }), { ignored: 1 }],
    ["of another kind", change(1, "moduleMoved", 1), { ignored: 1 }],
    ["without a device", change(1, "deviceConnected", 1, 1, { deviceId: "a b" }), { poison: 1 }],
    ["without a time", change(1, "deviceConnected", 1, 1, { operationTimestamp: "soon" }), { poison: 1 }],
    ["without a sequence number", { ...change(1, "deviceConnected", 1), body: Buffer.from("{}") }, { poison: 1 }],
  ])("%s are not taken in", async (_what, event, counts) => {
    const intake = new Intake();
    expect(await intake.hear(event, change(2, "createDeviceIdentity", 2))).toMatchObject({
      received: 2,
      applied: 1,
      ...counts,
    });
    expect(await intake.hub()).toEqual({ created: addMs(t0, 2) });
  });

  it("cannot be made up by a device", async () => {
    const intake = new Intake();
    const { body, properties } = change(1, "deviceDisconnected", 1);
    await intake.hear(anEvent(1, { body, properties }));
    expect(await intake.hub()).toBeUndefined();
  });
});

describe("events of Event Grid about devices", () => {
  const data = { hubName: "LAB-HUB", deviceId, deviceConnectionStateEventInfo: { sequenceNumber: sequence(5) } };
  it.each([
    ["eventgrid" as const, gridEvent({ eventType: "Microsoft.Devices.DeviceConnected", data })],
    ["cloudevents" as const, cloudEvent({ type: "Microsoft.Devices.DeviceConnected", data })],
  ])("are facts, not alerts (%s), and the same as those of the stream", async (shape, event) => {
    const door = new Door();
    const answer = await door.deliver(shape, [event]);
    expect(answer).toMatchObject({ results: [{ outcome: "recorded" }] });
    expect(door.starter.started).toEqual([]);
    // A fleet that connects must not drown the alerts.
    expect(door.alertLog.records).toEqual([]);
    const [told] = door.told;
    const intake = new Intake();
    expect(await intake.grid(told ?? [])).toMatchObject({ received: 1, applied: 1 });
    expect(await intake.grid(told ?? [])).toMatchObject({ received: 1, duplicate: 1 });
    expect((await intake.hub())?.connected?.sequence).toBe(sequence(5));
    expect(await intake.counters.list()).toMatchObject([{ source: "eventgrid/lab-hub", received: 2 }]);
  });

  it("that cannot be read are refused, and take no other with them", async () => {
    const door = new Door();
    const good = gridEvent({ id: "2", eventType: "Microsoft.Devices.DeviceConnected", data });
    const bad = gridEvent({ id: "1", eventType: "Microsoft.Devices.DeviceConnected", data: { ...data, deviceId: "" } });
    expect(await door.deliver("eventgrid", [bad, good])).toMatchObject({
      results: [{ outcome: "refused", code: "invalid-alert" }, { outcome: "recorded" }],
    });
    expect(door.told.flat()).toHaveLength(1);
  });
});

/** A batch object as a diagnostic setting writes it; each record as the lab's hub makes it. */
function logs(n: number, ...records: readonly object[]): StreamEvent {
  return anEvent(n, { systemProperties: {}, properties: {}, body: Buffer.from(JSON.stringify({ records })) });
}
const thumbprints = `SHA1Hash=${"A".repeat(40)}, SHA2Hash=${leaked}`;
const MISMATCH = `Thumbprint does not match configuration: Thumbprint: ${thumbprints}; Configuration: PrimaryThumbprint=, SecondaryThumbprint=`;
function attempt(at: number, outcome: "accepted" | "refused" | "dropped", reason = "accepted"): object {
  return resourceLogOf(hubHost, { at: addMs(t0, at), deviceId, outcome, reason });
}

describe("connection logs", () => {
  it("say when the hub let the device in, and when it refused which leaf", async () => {
    const intake = new Intake();
    const counts = await intake.logs("logs", [logs(1, attempt(1, "accepted"), attempt(2, "refused", MISMATCH))]);
    expect(counts).toEqual({ ...NO_EVENTS, received: 2, applied: 2 });
    expect(await intake.hub()).toEqual({
      admitted: addMs(t0, 1),
      refused: { at: addMs(t0, 2), code: "401003", sha256Thumbprint: leaked },
    });
  });

  it("are counted per record: every one is new, the same again, overtaken, none of ours, or spoiled", async () => {
    const intake = new Intake();
    const other = resourceLogOf("other.azure-devices.net", { at: t0, deviceId, outcome: "accepted", reason: "" });
    const counts = await intake.logs("logs", [
      logs(1, attempt(5, "accepted"), attempt(4, "accepted"), attempt(5, "accepted"), attempt(6, "dropped"), other),
      logs(2, { category: "DeviceTelemetry" }, { category: "Connections" }, { nothing: "known" }),
      anEvent(3, { body: Buffer.from("no JSON") }),
    ]);
    expect(counts).toEqual({ received: 9, applied: 1, stale: 1, duplicate: 1, ignored: 3, poison: 3 });
    // Kept with its position, and that is the event's.
    expect(intake.poison.events.map(({ sequenceNumber }) => sequenceNumber)).toEqual([2, 3]);
  });

  it("take anything at all, and count it", async () => {
    const record = fc.oneof(
      fc.json().map((text): unknown => JSON.parse(text)),
      fc.constant(attempt(1, "accepted")),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 6 }), async (records) => {
        const intake = new Intake();
        const { received, applied, duplicate, stale, ignored, poison } = await intake.logs("logs", [
          logs(1, ...(records as object[])),
        ]);
        expect(received).toBe(records.length);
        expect(applied + duplicate + stale + ignored + poison).toBe(received);
      }),
      { numRuns: 100 },
    );
  });
});

describe("a device that was contained", () => {
  const hub = (word: NonNullable<DeviceFacts["hubs"]>[string]): DeviceFacts => ({
    deviceId: DeviceId.parse("pump-1"),
    hubs: { "lab-hub": word },
  });
  async function contained(): Promise<Bed> {
    const bed = new Bed();
    await bed.open(bed.device("pump-1"));
    await bed.contain();
    bed.clock.pass(5_000);
    return bed;
  }

  it("is contained again once a connection log shows that the hub let it in, though our sentinels stand", async () => {
    const bed = await contained();
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 0 });
    await bed.facts.merge([hub({ admitted: bed.clock.now() })]);
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 1 });
    expect(await bed.journal()).toContainEqual(expect.stringContaining("session-survived"));
  });

  it("is believed to be so where its hub dates a connection up to a minute late", async () => {
    const bed = await contained();
    await bed.facts.merge([hub({ connected: { at: bed.clock.now(), sequence: sequence(1) } })]);
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 0 });
    await bed.facts.merge([hub({ connected: { at: addMs(bed.clock.now(), 70_000), sequence: sequence(2) } })]);
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 1 });
  });

  it("is listed while somebody still knocks, with the leaf that he shows", async () => {
    const bed = await contained();
    await bed.steps.noteContained({ rollId });
    const list = createListKnocking({ rolls: bed.rolls, batches: bed.batches, facts: bed.facts });
    const row = await bed.row({ registrationId: (await bed.batches.read(rollId, 0)).rows[0]!.registrationId });
    const before = { at: addMs(row.containedAt ?? t0, -1), code: "401003" };
    await bed.facts.merge([hub({ refused: before })]);
    expect(await list(rollId, {})).toMatchObject({ devices: [] });
    const [bad] = row.bad;
    const at = addMs(row.containedAt ?? t0, 500);
    await bed.facts.merge([hub({ refused: { at, code: "401003", ...(bad && { sha256Thumbprint: bad }) } })]);
    expect(await list(rollId, {})).toEqual({
      rollId,
      devices: [
        {
          registrationId: "pump-1",
          hub: "lab-hub",
          containedAt: formatInstant(row.containedAt ?? t0),
          lastRefusedAt: formatInstant(at),
          ...{ code: "401003", sha256Thumbprint: bad, compromised: true },
        },
      ],
    });
    expect(await list("nonsense", {})).toMatchObject({ status: 404, code: "unknown-roll" });
    expect(await list(rollId, { after: "x" })).toMatchObject({ status: 400, code: "invalid-query" });
  });
});
