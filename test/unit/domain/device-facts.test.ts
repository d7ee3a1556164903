import fc from "fast-check";
import {
  FACT_PARTITIONS,
  factPartition,
  isLater,
  mergeFacts,
  VERIFIED_KEPT,
  type DeviceFacts,
} from "../../../shared/domain/device-facts";
import type { HubWord } from "../../../shared/domain/hub/hub-word";
import { AttemptId, DeviceId } from "../../../shared/domain/ids";
import { addMs } from "../../../shared/domain/instant";
import { aVerifiedReport, deviceId, leaked, planned, stranger, t0, thumbprint } from "../../support/builders";

/** Events of one device: all in one partition, so that (time, sequence number) tells any two apart. */
const events: fc.Arbitrary<DeviceFacts[]> = fc
  .uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 8 })
  .chain((numbers) =>
    fc.tuple(
      ...numbers.map((n) =>
        fc
          .record({
            claimed: fc.constantFrom(undefined, planned, leaked, stranger),
            until: fc.constantFrom(undefined, addMs(t0, 1), addMs(t0, 2)),
            reports: fc.constantFrom(undefined, planned, leaked, stranger, thumbprint("5"), thumbprint("6")),
            word: fc.constantFrom(undefined, "connected", "disconnected", "created", "deleted", "admitted", "refused"),
            hub: fc.constantFrom("lab-hub", "other-hub"),
          })
          .map(({ claimed, until, reports, word, hub }): DeviceFacts => {
            if (word !== undefined) return { deviceId, hubs: { [hub]: aWord(word, n) } };
            // The hub's clock stands still for some events in a row: then the sequence number decides.
            const position = { enqueuedAt: addMs(t0, Math.floor(n / 4)), partition: "3", sequenceNumber: n };
            const attemptId = AttemptId.parse(`a${n + 1}`);
            return {
              deviceId,
              lastSeen: position,
              authentication: n % 2 === 0 ? "x509Certificate" : "sas",
              ...(claimed === undefined ? {} : { claimed: { position, sha256Thumbprint: claimed, notAfter: until } }),
              ...(reports === undefined
                ? {}
                : { verified: [aVerifiedReport({ position, attemptId, sha256Thumbprint: reports })] }),
            };
          }),
      ),
    ),
  );

function aWord(kind: keyof HubWord, n: number): HubWord {
  const at = addMs(t0, Math.floor(n / 4));
  const sequence = String(n).padStart(64, "0");
  if (kind === "connected" || kind === "disconnected") return { [kind]: { at, sequence } };
  return kind === "refused" ? { refused: { at, code: String(400 + n) } } : { [kind]: at };
}

function fold(all: readonly DeviceFacts[]): DeviceFacts | undefined {
  return all.reduce<DeviceFacts | undefined>((known, heard) => mergeFacts(known, heard), undefined);
}

describe("the facts of a device", () => {
  it("are the same whatever the order in which its events arrive, and however often", () => {
    const arrivals = events.chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
        fc.array(fc.constantFrom(...all), { maxLength: 5 }),
      ),
    );
    fc.assert(
      fc.property(arrivals, ([all, shuffled, again]) => {
        expect(fold([...again, ...shuffled, ...again])).toEqual(fold(all));
      }),
      { numRuns: 400 },
    );
  });

  it("fold the same way in parts: what one batch knew, another can be folded into", () => {
    fc.assert(
      fc.property(events, fc.nat(8), (all, cut) => {
        const [left, right] = [fold(all.slice(0, cut)), fold(all.slice(cut))];
        const whole = right === undefined ? left : mergeFacts(left, right);
        expect(whole).toEqual(fold(all));
      }),
    );
  });

  it("keep the newest verified report of each leaf, of the three leaves that reported last", () => {
    fc.assert(
      fc.property(events, (all) => {
        const newestFirst = all
          .flatMap(({ verified }) => verified ?? [])
          .sort((a, b) => (isLater(a.position, b.position) ? -1 : 1));
        const leaves = newestFirst.map(({ sha256Thumbprint }) => sha256Thumbprint);
        const newest = newestFirst.filter(({ sha256Thumbprint }, at) => leaves.indexOf(sha256Thumbprint) === at);
        expect(fold(all)?.verified ?? []).toEqual(newest.slice(0, VERIFIED_KEPT));
      }),
    );
  });

  it("keep the device's own report while somebody else signs a flood of them by one leaf of his making", () => {
    const own = aVerifiedReport();
    const flood = Array.from({ length: 20 }, (_, n): DeviceFacts => {
      const enqueuedAt = addMs(own.position.enqueuedAt, n + 1);
      const position = { enqueuedAt, partition: "0", sequenceNumber: 100 + n };
      return { deviceId, lastSeen: position, verified: [aVerifiedReport({ position, sha256Thumbprint: stranger })] };
    });
    const facts = fold([{ deviceId, lastSeen: own.position, verified: [own] }, ...flood]);
    expect(facts?.verified).toEqual([flood.at(-1)?.verified?.[0], own]);
  });

  it("keep the last claim when a later message makes none", () => {
    const said = { enqueuedAt: t0, partition: "3", sequenceNumber: 1 };
    const claim = { deviceId, lastSeen: said, claimed: { position: said, sha256Thumbprint: planned } };
    const plain = { deviceId, lastSeen: { enqueuedAt: addMs(t0, 5), partition: "3", sequenceNumber: 2 } };
    expect(mergeFacts(claim, plain)).toMatchObject({ claimed: claim.claimed, lastSeen: plain.lastSeen });
  });

  it("are not displaced by a flood of unverified messages", () => {
    const verified = aVerifiedReport();
    const genuine: DeviceFacts = { deviceId, lastSeen: verified.position, verified: [verified] };
    const flood = Array.from({ length: 20 }, (_, n): DeviceFacts => {
      const position = {
        enqueuedAt: addMs(verified.position.enqueuedAt, n + 1),
        partition: "0",
        sequenceNumber: 100 + n,
      };
      return { deviceId, lastSeen: position, claimed: { position, sha256Thumbprint: leaked } };
    });
    expect(fold([genuine, ...flood])).toMatchObject({ verified: [verified], claimed: { sha256Thumbprint: leaked } });
  });
});

describe("the partition of a device's facts", () => {
  it("is stable for ever", () => {
    const partitions = ["pump-1", "Pump-1", "a", "device-ABC_9"].map((id) => factPartition(DeviceId.parse(id)));
    expect(partitions).toEqual(PINNED);
  });

  it("lies in range and spreads a fleet", () => {
    const counts = new Array<number>(FACT_PARTITIONS).fill(0);
    for (let n = 0; n < 1_600; n += 1) {
      const partition = factPartition(DeviceId.parse(`pump-${n}`));
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    expect(counts).toHaveLength(FACT_PARTITIONS);
    expect(Math.min(...counts)).toBeGreaterThan(40);
    expect(Math.max(...counts)).toBeLessThan(220);
  });
});

/** FNV-1a, 32 bits, modulo 16, computed by another program. */
const PINNED = [9, 9, 12, 14];
