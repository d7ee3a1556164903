import { toStreamEvents } from "../../../functions/events/heartbeats";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { NO_EVENTS } from "../../../shared/domain/source-counts";
import { createIngestEvents } from "../../../shared/use-cases/ingest-events";
import { t0 } from "../../support/builders";
import { MemoryFactStore, MemoryPoisonStore } from "../../support/memory-stores";
import { systemOf } from "../use-cases/events";

/** What the host hands over with a batch of `n` events. */
function metadata(n: number, changes: Record<string, unknown> = {}): { triggerMetadata: Record<string, unknown> } {
  const each = <T>(make: (at: number) => T): T[] => Array.from({ length: n }, (_, at) => make(at));
  return {
    triggerMetadata: {
      partitionContext: { partitionId: "3", eventHubName: "lab-hub" },
      sequenceNumberArray: each((at) => 10 + at),
      offsetArray: each((at) => String(1000 + at)),
      enqueuedTimeUtcArray: each((at) => new Date(t0 + at).toISOString()),
      propertiesArray: each((at) => ({ messageType: "heartbeat", at })),
      systemPropertiesArray: each((at) => systemOf(at)),
      ...changes,
    },
  };
}

const bodies = [Buffer.from("one"), Buffer.alloc(0), Buffer.from([0xff])];

describe("a batch of events", () => {
  it("is joined with its metadata, empty bodies and all", () => {
    const { hub, events } = toStreamEvents(bodies, metadata(3));
    expect(hub).toBe("lab-hub");
    expect(events.map(({ body }) => body.byteLength)).toEqual([3, 0, 1]);
    expect(events.map(({ sequenceNumber, offset, partition }) => [sequenceNumber, offset, partition])).toEqual([
      [10, "1000", "3"],
      [11, "1001", "3"],
      [12, "1002", "3"],
    ]);
    expect(events.map(({ properties }) => properties["at"])).toEqual([0, 1, 2]);
    expect(events.map(({ enqueuedAt }) => enqueuedAt)).toEqual([t0, t0 + 1, t0 + 2]);
  });

  it("is read also where the host sends numbers as text", () => {
    const { events } = toStreamEvents([bodies[0]], metadata(1, { sequenceNumberArray: ["10"], offsetArray: [1000] }));
    expect(events[0]).toMatchObject({ sequenceNumber: 10, offset: "1000" });
  });

  it.each([
    ["a body is lost", bodies.slice(1), metadata(3)],
    ["a property bag is lost", bodies, metadata(3, { propertiesArray: [{}, {}] })],
    ["a system property bag is lost", bodies, metadata(3, { systemPropertiesArray: [systemOf(0)] })],
    ["a sequence number is lost", bodies, metadata(3, { sequenceNumberArray: [1, 2] })],
    ["an offset is lost", bodies, metadata(3, { offsetArray: ["1", "2"] })],
    ["a time is lost", bodies, metadata(3, { enqueuedTimeUtcArray: [] })],
    ["an array is missing altogether", bodies, metadata(3, { propertiesArray: undefined })],
    ["there is no metadata", bodies, {}],
  ])(
    "of which %s ends as poison, each event apart: nobody is taken for somebody else",
    async (_what, given, context) => {
      const { hub, events } = toStreamEvents(given, context);
      expect(events).toHaveLength(given.length);
      const [facts, poison] = [new MemoryFactStore(), new MemoryPoisonStore()];
      const ingest = createIngestEvents({
        clock: { now: () => t0 },
        certificates: nodeCertificateReader,
        facts,
        poison,
      });
      expect(await ingest(hub, events)).toEqual({
        ...NO_EVENTS,
        received: given.length,
        poison: given.length,
      });
      expect(facts.writes).toBe(0);
      expect(poison.events).toHaveLength(given.length);
    },
  );

  it("is taken as one event where the host hands over a single body", () => {
    expect(toStreamEvents(bodies[0], metadata(1)).events).toHaveLength(1);
  });
});
