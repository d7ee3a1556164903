import { dueKey, type DueKind } from "../../../shared/domain/due";
import { addMs } from "../../../shared/domain/instant";
import { RollId } from "../../../shared/domain/ids";
import { outlived, purgeBefore } from "../../../shared/domain/roll/retention";
import { Roll } from "../../../shared/domain/roll/roll";
import type { RollArchive } from "../../../shared/ports/roll-archive";
import { createPurgeRolls } from "../../../shared/steps/purge-rolls";
import { findWholeRoll } from "../../../shared/use-cases/find-roll";
import { createPurge } from "../../../shared/use-cases/purge";
import { rollId, t0 } from "../../support/builders";
import { MemoryDueRows } from "../../support/memory-due-rows";
import { MemoryRollStore } from "../../support/memory-stores";
import { HandClock } from "./bed";

const DAY = 86_400_000;

/** Says what it was asked to delete; needs `pieces` calls for the details of each roll. */
class RecordingArchive implements RollArchive {
  readonly asked: string[] = [];
  private readonly left = new Map<RollId, number>();

  constructor(
    private readonly pieces = 1,
    private readonly onDelete: (rollId: RollId) => Promise<void> = () => Promise.resolve(),
  ) {}

  async deleteDetails(id: RollId): Promise<boolean> {
    await this.onDelete(id);
    this.asked.push(`details ${id}`);
    const left = (this.left.get(id) ?? this.pieces) - 1;
    this.left.set(id, left);
    return left <= 0;
  }

  deleteReport(id: RollId): Promise<boolean> {
    this.asked.push(`report ${id}`);
    return Promise.resolve(true);
  }
}

class Attic {
  readonly clock = new HandClock();
  readonly rolls = new MemoryRollStore();
  readonly due = new MemoryDueRows();

  constructor(readonly archive = new RecordingArchive()) {}

  step() {
    return createPurgeRolls({ clock: this.clock, rolls: this.rolls, due: this.due, archive: this.archive });
  }

  async roll(n: number, daysAgo: number | undefined): Promise<RollId> {
    const id = numbered(n);
    const finishedAt = daysAgo === undefined ? undefined : addMs(this.clock.now(), -daysAgo * DAY);
    await this.rolls.create(
      Roll.parse({
        ...{ rollId: id, playbook: "individual-breach", source: "soc", alertId: `a-${n}`, reason: "", requestedAt: t0 },
        ...{ devices: 1, batches: 1, phase: finishedAt === undefined ? "rolling" : "finished", finishedAt },
      }),
    );
    return id;
  }

  async awaits(id: RollId, kind: DueKind): Promise<void> {
    await this.due.note({ key: dueKey(kind, id), kind, rollId: id, dueAt: t0, notedAt: t0, reason: "later" });
  }
}

function numbered(n: number): RollId {
  return `${rollId.slice(0, -8)}${n.toString(16).padStart(8, "0")}` as RollId;
}

/** The next piece's place, as the orchestrator hands it on. */
function next(given: { readonly after?: string | undefined } = {}): { after?: RollId } {
  return given.after === undefined ? {} : { after: RollId.parse(given.after) };
}

const before = (attic: Attic, details?: number, reports?: number) => ({
  ...(details === undefined ? {} : { detailsBefore: addMs(attic.clock.now(), -details * DAY) }),
  ...(reports === undefined ? {} : { reportsBefore: addMs(attic.clock.now(), -reports * DAY) }),
});

describe("a purge", () => {
  it("takes the details of what ended long ago, once, and leaves all else", async () => {
    const attic = new Attic();
    const old = await attic.roll(1, 401);
    await attic.roll(2, 399);
    await attic.roll(3, undefined);
    const open = await attic.roll(4, 500);
    await attic.rolls.open(open, t0);
    expect(await attic.step()(before(attic, 400))).toEqual({ purged: 1 });
    expect(await attic.step()(before(attic, 400))).toEqual({ purged: 0 });
    expect(attic.archive.asked).toEqual([`details ${old}`]);
    expect(await attic.rolls.get(old)).toMatchObject({ purged: { at: attic.clock.now(), done: true } });
  });

  it.each<[DueKind, number]>([
    ["retire", 0],
    ["recheck", 0],
    ["lift-deny", 1],
  ])("keeps what a due row of the kind %s still needs: %d purged", async (kind, purged) => {
    const attic = new Attic();
    await attic.awaits(await attic.roll(1, 500), kind);
    expect(await attic.step()(before(attic, 400))).toEqual({ purged });
  });

  it("takes reports and headers only where their own time is over", async () => {
    const attic = new Attic();
    const [older, old] = [await attic.roll(1, 900), await attic.roll(2, 500)];
    expect(await attic.step()(before(attic, 400, 800))).toEqual({ purged: 2 });
    expect(attic.archive.asked.sort()).toEqual([`details ${older}`, `details ${old}`, `report ${older}`].sort());
    // Its details have gone long before.
    attic.archive.asked.length = 0;
    expect(await attic.step()(before(attic, 400, 450))).toEqual({ purged: 2 });
    expect(attic.archive.asked).toContain(`report ${old}`);
    expect(attic.archive.asked).not.toContain(`details ${old}`);
  });

  it("comes back to a roll that takes several pieces, which says from the first on that it is purged", async () => {
    const said: unknown[] = [];
    const attic: Attic = new Attic(
      new RecordingArchive(3, async (id) => {
        const whole = await findWholeRoll(attic.rolls, id);
        said.push("code" in whole ? whole.code : whole.phase);
      }),
    );
    const [first, second] = [await attic.roll(1, 401), await attic.roll(2, 402)];
    let given: ReturnType<typeof next> = {};
    let pieces = 0;
    for (;;) {
      const done = await attic.step()({ ...before(attic, 400), ...given });
      pieces += 1;
      if (done.next === undefined) break;
      given = next(done.next);
    }
    expect(pieces).toBe(5);
    expect(attic.archive.asked).toEqual([
      ...Array.from({ length: 3 }, () => `details ${first}`),
      ...Array.from({ length: 3 }, () => `details ${second}`),
    ]);
    expect(new Set(said)).toEqual(new Set(["roll-purged"]));
  });

  it("goes through more rolls than one piece looks at", async () => {
    const attic = new Attic();
    for (let n = 0; n < 101; n += 1) await attic.roll(n, 500);
    const first = await attic.step()(before(attic, 400));
    expect(first).toMatchObject({ purged: 100, next: { after: expect.any(String) as string } });
    expect(await attic.step()({ ...before(attic, 400), ...next(first.next) })).toEqual({ purged: 1 });
  });
});

describe("how long things are kept", () => {
  const clock = new HandClock();

  it.each([
    [{ detailDays: 0, reportDays: 0 }, undefined],
    [{ detailDays: 400, reportDays: 0 }, { detailsBefore: clock.now() - 400 * DAY }],
    [{ detailDays: 0, reportDays: 9 }, { reportsBefore: clock.now() - 9 * DAY }],
  ])("%j lets go %j", async (retention, expected) => {
    const asked: unknown[] = [];
    const starter = { start: (moments: object) => Promise.resolve(asked.push(moments) > 0 ? "started" : "running") };
    const began = await createPurge({ clock, retention }).bySchedule(starter as never);
    expect([began, asked]).toEqual(expected === undefined ? [undefined, []] : ["started", [expected]]);
    expect(purgeBefore(retention, clock.now())).toEqual(expected ?? {});
  });

  it.each([
    [{ phase: "finished", finishedAt: t0 }, "everything"],
    [{ phase: "finished", finishedAt: addMs(t0, 2) }, "nothing"],
    [{ phase: "finished" }, "nothing"],
    [{ phase: "retiring", finishedAt: t0 }, "nothing"],
  ] as const)("of %j goes: %s", (roll, expected) => {
    expect(outlived(roll, { reportsBefore: addMs(t0, 1) }, { isOpen: false, isAwaited: false })).toBe(expected);
  });

  it.each<[string, number, string]>([
    ["{", 400, "malformed-json"],
    ["{}", 400, "invalid-purge"],
    ['{"before":"yesterday"}', 400, "invalid-purge"],
    ['{"before":"2025-01-01T00:00:00Z","everything":true}', 400, "invalid-purge"],
    ['{"before":"2999-01-01T00:00:00Z"}', 400, "invalid-purge"],
    [" ".repeat(5_000), 413, "payload-too-large"],
  ])("an order like %.60s is refused: %d %s", async (body, status, code) => {
    const starter = { start: () => Promise.reject(new Error("started")) };
    const purge = createPurge({ clock, retention: { detailDays: 0, reportDays: 0 } });
    expect(await purge.byOrder(new TextEncoder().encode(body), starter)).toMatchObject({ status, code });
  });
});
