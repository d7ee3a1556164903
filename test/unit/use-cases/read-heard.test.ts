import type { DeviceFacts } from "../../../shared/domain/device-facts";
import { DeviceId } from "../../../shared/domain/ids";
import { addMs, formatInstant } from "../../../shared/domain/instant";
import { createReadHeard, type ReadHeard } from "../../../shared/use-cases/read-heard";
import { t0 } from "../../support/builders";
import { MemorySourceCounters } from "../../support/memory-intake";
import { MemoryFactStore } from "../../support/memory-stores";

async function heardOf(devices: number, silent: (n: number) => boolean): Promise<ReadHeard> {
  const factList = new MemoryFactStore();
  await factList.merge(
    Array.from({ length: devices }, (_, n) => ({
      deviceId: DeviceId.parse(`pump-${n}`),
      lastSeen: { enqueuedAt: addMs(t0, silent(n) ? 0 : 60_000), partition: "0", sequenceNumber: n },
    })),
  );
  return createReadHeard({ factList, counters: new MemorySourceCounters() });
}

const since = formatInstant(addMs(t0, 30_000));

/** All pages, as a client reads them. */
async function all(read: ReadHeard, limit: string): Promise<{ ids: string[]; pages: number }> {
  const ids: string[] = [];
  let after: string | null = null;
  for (let pages = 1; ; pages += 1) {
    const page = (await read.late({ before: since, limit, after })) as {
      devices: { deviceId: string }[];
      next?: string;
    };
    ids.push(...page.devices.map(({ deviceId }) => deviceId));
    if (page.next === undefined) return { ids, pages };
    after = page.next;
  }
}

describe("late devices", () => {
  it("are those that were not heard since, each once, whatever the page's size", async () => {
    const read = await heardOf(500, (n) => n % 10 === 0);
    const expected = Array.from({ length: 50 }, (_, n) => `pump-${n * 10}`).sort();
    for (const limit of ["1", "7", "1000"]) expect((await all(read, limit)).ids.sort()).toEqual(expected);
  });

  it("are none where everybody was heard", async () => {
    expect(await all(await heardOf(100, () => false), "10")).toEqual({ ids: [], pages: expect.any(Number) as number });
  });

  it("are not those of which only their hub has spoken, nor those that it has deleted for good", async () => {
    const factList = new MemoryFactStore();
    const heard = (id: string, hubs: DeviceFacts["hubs"], lastSeen = true): DeviceFacts => ({
      deviceId: DeviceId.parse(id),
      ...(lastSeen ? { lastSeen: { enqueuedAt: addMs(t0, 10), partition: "0", sequenceNumber: 1 } } : {}),
      hubs,
    });
    const [before, after, later] = [addMs(t0, 5), addMs(t0, 20), addMs(t0, 25)];
    await factList.merge([
      heard("never-heard", { one: { created: before } }, false),
      heard("deleted", { one: { created: before, deleted: after } }),
      heard("deleted-before", { one: { deleted: before } }),
      heard("made-anew", { one: { deleted: after, created: later } }),
      heard("moved", { one: { deleted: after }, two: { created: later } }),
    ]);
    const read = createReadHeard({ factList, counters: new MemorySourceCounters() });
    expect((await all(read, "10")).ids.sort()).toEqual(["deleted-before", "made-anew", "moved"]);
  });

  it.each([
    [null, null, null, "invalid-moment"],
    ["yesterday", null, null, "invalid-moment"],
    ["2026-13-45T99:00:00Z", null, null, "invalid-moment"],
    [since, "0", null, "invalid-limit"],
    [since, null, "[]", "invalid-cursor"],
    [since, null, Buffer.from('[16,""]').toString("base64url"), "invalid-cursor"],
    [since, null, Buffer.from('[0,"x",1]').toString("base64url"), "invalid-cursor"],
  ])("are refused for %s, limit %s, cursor %s", async (before, limit, after, code) => {
    expect(await (await heardOf(1, () => true)).late({ before, limit, after })).toMatchObject({ code });
  });
});
