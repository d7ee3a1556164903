import * as fc from "fast-check";
import { selfSignedLeaf } from "../../../lab/pki/certificates";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import type { DeviceFacts } from "../../../shared/domain/device-facts";
import { DeviceId } from "../../../shared/domain/ids";
import { addMs, instant } from "../../../shared/domain/instant";
import { RollError } from "../../../shared/domain/roll-error";
import { NO_EVENTS, type EventCounts } from "../../../shared/domain/source-counts";
import type { StreamEvent } from "../../../shared/ports/event-stream";
import { createIngestEvents } from "../../../shared/use-cases/ingest-events";
import { deviceId, nonce, planned, rollId, t0 } from "../../support/builders";
import { MemorySourceCounters } from "../../support/memory-intake";
import { MemoryFactStore, MemoryPoisonStore } from "../../support/memory-stores";
import { anEvent, reportBody, systemOf } from "./events";

const fresh = selfSignedLeaf({ commonName: "pump-1" });
const old = selfSignedLeaf({ commonName: "pump-1" });
const isReport = { messageType: "rollReport" };

class Consumer {
  readonly facts = new MemoryFactStore();
  readonly poison = new MemoryPoisonStore();
  readonly counters = new MemorySourceCounters();
  readonly ingest = createIngestEvents({
    clock: { now: () => instant(t0) },
    certificates: nodeCertificateReader,
    facts: this.facts,
    poison: this.poison,
    counters: this.counters,
  });

  hear(...events: readonly StreamEvent[]): Promise<EventCounts> {
    return this.ingest("lab-hub", events);
  }

  async known(id: string = deviceId): Promise<DeviceFacts | undefined> {
    return (await this.facts.read([DeviceId.parse(id)])).get(DeviceId.parse(id));
  }
}

describe("a heartbeat", () => {
  it("with an empty body says that the device was heard, how, and what it claims to use", async () => {
    const consumer = new Consumer();
    const properties = { messageType: "heartbeat", certThumbprint: planned, certNotAfter: "2026-02-01T00:00:00Z" };
    expect(await consumer.hear(anEvent(1, { properties }))).toEqual({ ...NO_EVENTS, received: 1, applied: 1 });
    const position = { enqueuedAt: addMs(t0, 1), partition: "0", sequenceNumber: 1 };
    expect(await consumer.known()).toEqual({
      deviceId,
      lastSeen: position,
      authentication: "x509Certificate",
      generationId: "638000000000000000",
      claimed: { position, sha256Thumbprint: planned, notAfter: Date.UTC(2026, 1, 1) },
    });
  });

  it("with a thumbprint that is none still says that the device was heard", async () => {
    const consumer = new Consumer();
    await consumer.hear(anEvent(1, { properties: { certThumbprint: 7, certNotAfter: "soon" } }));
    expect((await consumer.known())?.claimed).toBeUndefined();
    expect((await consumer.known())?.lastSeen?.sequenceNumber).toBe(1);
  });

  it("of any other message type counts as well", async () => {
    const consumer = new Consumer();
    expect((await consumer.hear(anEvent(1, { properties: {}, body: Uint8Array.of(0xff, 0x00) }))).applied).toBe(1);
  });

  it("takes its time from IoT Hub, also where the binding made a Date of it", async () => {
    const consumer = new Consumer();
    const at = addMs(t0, 77);
    await consumer.hear(anEvent(1, { systemProperties: systemOf(1, { "iothub-enqueuedtime": new Date(at) }) }));
    expect((await consumer.known())?.lastSeen?.enqueuedAt).toBe(at);
  });
});

describe("a message that is not from a device's own session", () => {
  it.each([
    ["of a module", systemOf(1, { "iothub-connection-module-id": "agent" })],
    ["about a twin change", systemOf(1, { "iothub-message-source": "twinChangeEvents" })],
    ["about a digital twin", systemOf(1, { "iothub-message-source": "digitalTwinChangeEvents" })],
  ])("(%s) is ignored", async (_what, systemProperties) => {
    const consumer = new Consumer();
    const event = anEvent(1, { systemProperties, properties: isReport, body: reportBody(fresh) });
    expect(await consumer.hear(event)).toEqual({ ...NO_EVENTS, received: 1, ignored: 1 });
    expect(await consumer.known()).toBeUndefined();
  });

  it("cannot name a device in its own properties", async () => {
    const consumer = new Consumer();
    const properties = { "iothub-connection-device-id": "pump-2" };
    await consumer.hear(anEvent(1, { properties }));
    expect(await consumer.known("pump-2")).toBeUndefined();
  });
});

describe("a report", () => {
  it("signed by the key of the leaf that it names is kept as verified, its chain cleaned", async () => {
    const consumer = new Consumer();
    await consumer.hear(anEvent(5, { properties: isReport, body: reportBody(fresh) }));
    expect((await consumer.known())?.verified?.[0]).toEqual({
      position: { enqueuedAt: addMs(t0, 5), partition: "0", sequenceNumber: 5 },
      rollId,
      attemptId: "a1",
      nonce,
      phase: "connected",
      sha256Thumbprint: fresh.sha256Thumbprint,
      notAfter: fresh.notAfter.getTime(),
      chainPem: fresh.certificatePem,
      authentication: "x509Certificate",
    });
  });

  it.each<[string, Uint8Array]>([
    ["is signed by another key", reportBody(fresh, { signer: old })],
    ["is signed for another device", reportBody(fresh, { deviceId: "pump-2" })],
    ["carries no signature", reportBody(fresh, { changes: { signature: undefined } })],
    ["carries an empty signature", reportBody(fresh, { changes: { signature: "" } })],
    [
      "names another thumbprint than its chain has",
      reportBody(old, { changes: { sha256Thumbprint: fresh.sha256Thumbprint } }),
    ],
    [
      "brings the new leaf behind the old one",
      reportBody(old, {
        changes: { chainPem: old.certificatePem + fresh.certificatePem, sha256Thumbprint: fresh.sha256Thumbprint },
      }),
    ],
    ["was signed over another nonce", reportBody(fresh, { changes: { nonce: "f".repeat(32) } })],
    ["was signed over another attempt", reportBody(fresh, { changes: { attemptId: "a2" } })],
    ["brings a private key", reportBody(fresh, { changes: { chainPem: fresh.chainPem + fresh.privateKeyPem } })],
    ["brings no certificate", reportBody(fresh, { changes: { chainPem: "none" } })],
  ])("that %s is a mere claim", async (_what, body) => {
    const consumer = new Consumer();
    expect(await consumer.hear(anEvent(1, { properties: isReport, body }))).toMatchObject({ applied: 1, poison: 0 });
    const known = await consumer.known();
    expect(known?.verified).toBeUndefined();
    expect(known?.claimed).toBeDefined();
    expect(JSON.stringify(known)).not.toContain("PRIVATE");
  });

  it("counts by the time and order in which IoT Hub got it, whatever order it arrives in", async () => {
    const consumer = new Consumer();
    const later = anEvent(9, { properties: isReport, body: reportBody(fresh) });
    const earlier = anEvent(2, { properties: isReport, body: reportBody(old) });
    await consumer.hear(later);
    await consumer.hear(earlier, later);
    expect((await consumer.known())?.verified?.[0]?.sha256Thumbprint).toBe(fresh.sha256Thumbprint);
  });
});

describe("every event", () => {
  it("is counted once each time it comes: in = applied + duplicate + stale + ignored + poison, per source", async () => {
    const event = fc
      .record({
        n: fc.integer({ min: 1, max: 30 }),
        id: fc.constantFrom("pump-1", "pump-2"),
        partition: fc.constantFrom("0", "1"),
        kind: fc.constantFrom("beat", "module", "nobody", "spoiled"),
      })
      .map(({ n, id, partition, kind }): StreamEvent => {
        if (kind === "spoiled") return anEvent(n, { partition, properties: isReport });
        if (kind === "nobody") return anEvent(n, { partition, systemProperties: {} });
        const more = kind === "module" ? { "iothub-connection-module-id": "m" } : {};
        return anEvent(n, { partition, systemProperties: systemOf(n, { "iothub-connection-device-id": id, ...more }) });
      });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(event, { maxLength: 20 }), { maxLength: 5 }), async (batches) => {
        const consumer = new Consumer();
        for (const batch of batches) await consumer.hear(...batch);
        const sources = await consumer.counters.list();
        for (const { received, applied, duplicate, stale, ignored, poison } of sources)
          expect(received).toBe(applied + duplicate + stale + ignored + poison);
        const sent = batches.flat();
        for (const partition of ["0", "1"])
          expect(sources.find(({ source }) => source === `lab-hub/${partition}`)?.received ?? 0).toBe(
            sent.filter((one) => one.partition === partition).length,
          );
      }),
      { numRuns: 60 },
    );
  });

  it("is new, the same again, or overtaken", async () => {
    const consumer = new Consumer();
    const other = anEvent(9, { systemProperties: systemOf(9, { "iothub-connection-device-id": "pump-2" }) });
    expect(await consumer.hear(anEvent(2), anEvent(3), other)).toMatchObject({ received: 3, applied: 3 });
    expect(await consumer.hear(anEvent(3), anEvent(1), anEvent(4), anEvent(4))).toMatchObject({
      ...{ received: 4, applied: 1, duplicate: 2, stale: 1 },
    });
  });
});

describe("a batch that holds an empty body, a body that is no JSON, and a forged report", () => {
  const batch = [
    anEvent(1, { properties: isReport }),
    anEvent(2, { properties: isReport, body: new TextEncoder().encode("{not json") }),
    anEvent(3, { properties: isReport, body: reportBody(fresh, { signer: old }) }),
    anEvent(4, { properties: isReport, body: reportBody(fresh) }),
    anEvent(5, { properties: isReport, body: reportBody(fresh, { signer: old }) }),
    anEvent(6, { systemProperties: systemOf(6, { "iothub-connection-device-id": "pump-2" }) }),
    anEvent(7, { systemProperties: {} }),
  ];

  it("loses nobody's report, and keeps what is spoiled with its position", async () => {
    const consumer = new Consumer();
    expect(await consumer.hear(...batch)).toEqual({ ...NO_EVENTS, received: 7, applied: 4, poison: 3 });
    expect((await consumer.known())?.verified?.[0]?.position.sequenceNumber).toBe(4);
    expect((await consumer.known())?.lastSeen?.sequenceNumber).toBe(5);
    expect(await consumer.known("pump-2")).toBeDefined();
    expect(
      consumer.poison.events.map(({ sequenceNumber, offset, hub, reason }) => [sequenceNumber, offset, hub, reason]),
    ).toEqual([
      [1, "100", "lab-hub", "rollReport without a JSON body"],
      [2, "200", "lab-hub", "rollReport without a JSON body"],
      [7, "700", "lab-hub", "no device id from IoT Hub"],
    ]);
  });

  it("says the same when it comes a second time", async () => {
    const consumer = new Consumer();
    await consumer.hear(...batch);
    const first = await consumer.known();
    await consumer.hear(...batch);
    expect(await consumer.known()).toEqual(first);
    expect(consumer.poison.events).toHaveLength(3);
  });
});

it("a spoiled event is kept up to 8 KB", async () => {
  const consumer = new Consumer();
  await consumer.hear(anEvent(1, { properties: isReport, body: new Uint8Array(20_000).fill(0x7b) }));
  expect(Buffer.from(consumer.poison.events[0]?.bodyBase64 ?? "", "base64")).toHaveLength(8_192);
});

it("a storage outage is thrown, so that the batch comes again", async () => {
  const consumer = new Consumer();
  jest
    .spyOn(consumer.facts, "merge")
    .mockRejectedValueOnce(new RollError("service-unavailable", "storage is away", true));
  await expect(consumer.hear(anEvent(1))).rejects.toMatchObject({ code: "service-unavailable" });
  await consumer.hear(anEvent(1));
  expect(await consumer.known()).toBeDefined();
});
