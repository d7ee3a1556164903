import type { Principal } from "../../../shared/domain/operator";
import { RollError } from "../../../shared/domain/roll-error";
import { DeviceView, RollJournalView } from "../../../shared/contract/operator-api";
import { newControl, control } from "../../../shared/domain/roll/control";
import { createCheckReadiness } from "../../../shared/use-cases/check-readiness";
import { createDirectDevice } from "../../../shared/use-cases/direct-device";
import { createListStragglers } from "../../../shared/use-cases/list-stragglers";
import { createReadDevice } from "../../../shared/use-cases/read-device";
import { createReadJournal } from "../../../shared/use-cases/read-journal";
import { rollId } from "../../support/builders";
import { Bed, type BedDevice } from "../steps/bed";

const ada: Principal = { kind: "person", id: "1", name: "Ada", roles: ["operator", "approver"] };
const key: Principal = { kind: "key", id: "function-key", name: "function key", roles: ["operator"] };

class Desk extends Bed {
  readonly read;
  readonly tell;
  constructor() {
    super();
    const { control, rollJournal: journal, rolls, batches, targetClaims, blobs, clock } = this;
    const deps = { control, journal, rolls, batches, targetClaims, blobs, clock };
    this.read = {
      journal: createReadJournal(deps),
      stragglers: createListStragglers(deps),
      device: createReadDevice(deps),
    };
    const direct = createDirectDevice(deps);
    this.tell = (verb: string, o: { id?: string; by?: Principal; body?: object; roll?: string } = {}) =>
      direct({
        rollId: o.roll ?? rollId,
        registrationId: o.id ?? "pump-1",
        verb,
        by: o.by ?? ada,
        body: new TextEncoder().encode(JSON.stringify(o.body ?? { note: "it was scrapped" })),
      });
  }

  async contained(): Promise<BedDevice> {
    const device = this.device("pump-1");
    await this.open(device);
    await this.contain();
    return device;
  }
}

describe("the journal of a roll", () => {
  it("has commands, own writes and steps, oldest first, in pages that lose nothing", async () => {
    const desk = new Desk();
    await desk.control.create(newControl(rollId, { windows: [], freezes: [] }));
    await desk.contained();
    const pause = { verb: "pause", commandId: "c1", by: "Ada", at: desk.clock.now() } as const;
    await desk.control.change(rollId, (now) => control(now, pause, { phase: "containing", finished: false }));
    const write = { step: "closeGroup", target: "group g", action: "disable", at: desk.clock.now() } as const;
    await desk.rollJournal.append(rollId, [{ ...write, kind: "intent" }]);
    const whole = RollJournalView.parse(await desk.read.journal(rollId, {}));
    expect(whole.next).toBeUndefined();
    expect(new Set(whole.entries.map(({ kind }) => kind))).toEqual(new Set(["command", "write", "step"]));
    const times = whole.entries.map(({ at }) => at);
    expect(times).toEqual([...times].sort());
    const paged: unknown[] = [];
    for (let after: string | undefined, more = true; more;) {
      const query = { limit: "3", ...(after === undefined ? {} : { after }) };
      const page = RollJournalView.parse(await desk.read.journal(rollId, query));
      expect(page.entries.length).toBeLessThanOrEqual(3);
      paged.push(...page.entries);
      [after, more] = [page.next, page.next !== undefined];
    }
    expect(paged).toEqual(whole.entries);
  });

  it.each<Record<string, string>>([
    { limit: "0" },
    { limit: "1001" },
    { after: "1" },
    { batch: "x" },
    { order: "asc" },
  ])("is refused for %j", async (query) => {
    const desk = new Desk();
    await desk.contained();
    expect(await desk.read.journal(rollId, query)).toMatchObject({ status: 400, code: "invalid-query" });
  });

  it("of a roll that is not there is a problem", async () => {
    expect(await new Desk().read.journal("../x", {})).toMatchObject({ status: 404, code: "unknown-roll" });
  });
});

describe("stragglers", () => {
  it("are those that still need something, with what to do", async () => {
    const desk = new Desk();
    const [done, open] = [desk.device("pump-1"), desk.device("pump-2")];
    await desk.open(done, open);
    await desk.contain();
    desk.clock.pass(1_000);
    await desk.heal(done);
    await desk.steps.proveBatch(desk.at);
    await desk.report(done);
    await desk.steps.proveBatch(desk.at);
    const found = await desk.read.stragglers(rollId, {});
    if ("outcome" in found) throw new Error(found.code);
    const lines = found.csv.trimEnd().split("\r\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^"registrationId","deviceId"/);
    expect(lines[1]).toMatch(/^"pump-2",.*"await-self-heal".*needs a visit/);
  });

  it("carry no formula into a spreadsheet, and no quote out of its cell", async () => {
    const desk = new Desk();
    const device = await desk.contained();
    const out = await desk.batches.checkOut(rollId, 0, "t");
    if (out.outcome === "busy") throw new Error("leased");
    const failed = { reason: "x", detail: '=HYPERLINK("http://x"),\n"y"' };
    await out.batch.settle(undefined, [{ ...(await desk.row(device)), failed }]);
    await desk.rolls.putSummary(rollId, (await desk.rolls.readSummaries(rollId))[0]!);
    const found = await desk.read.stragglers(rollId, {});
    expect("csv" in found && found.csv).toContain(`"'=HYPERLINK(""http://x""),\n""y"""`);
  });

  it.each<Record<string, string>>([{ after: "-1" }, { after: "x" }, { state: "failed" }])(
    "are refused for %j",
    async (q) => {
      const desk = new Desk();
      await desk.contained();
      expect(await desk.read.stragglers(rollId, q)).toMatchObject({ status: 400, code: "invalid-query" });
    },
  );
});

describe("one device", () => {
  it("is found in the open roll that has it, in any letter case, with what to do", async () => {
    const desk = new Desk();
    await desk.contained();
    const view = DeviceView.parse(await desk.read.device("PUMP-1"));
    expect(view).toMatchObject({ rollId, state: "await-self-heal", missing: [], attempts: 0 });
    expect(view.whatToDo).toMatch(/reaches DPS/);
  });

  it("names each rule that its proof misses", async () => {
    const desk = new Desk();
    const device = await desk.contained();
    desk.clock.pass(1_000);
    await desk.heal(device);
    await desk.steps.proveBatch(desk.at);
    desk.azure.addIdentity({ deviceId: device.deviceId, primaryThumbprint: device.old.sha256Thumbprint });
    await desk.report(device);
    await desk.steps.proveBatch(desk.at);
    const view = DeviceView.parse(await desk.read.device("pump-1"));
    expect(view.missing).toContain("hub");
  });

  it.each([
    ["../x", 400, "invalid-device"],
    ["pump-9", 404, "device-in-no-roll"],
  ])("%j: %d %s", async (id, status, code) => {
    const desk = new Desk();
    await desk.contained();
    expect(await desk.read.device(id)).toMatchObject({ status, code });
  });
});

describe("what a person says of one device", () => {
  it.each(["accept", "skip"])("%s: the roll no longer waits for it, and the journal says who and why", async (verb) => {
    const desk = new Desk();
    const device = await desk.contained();
    const said = { rollId, registrationId: "pump-1", state: "skipped" };
    expect(await desk.tell(verb)).toEqual({ ...said, changed: true });
    expect(await desk.tell(verb)).toEqual({ ...said, changed: false });
    expect((await desk.row(device)).skipped).toBe(
      `${verb === "accept" ? "accepted" : "skipped"}-by Ada: it was scrapped`,
    );
    expect((await desk.journal()).filter((line) => line.includes("Ada: it was scrapped"))).toHaveLength(1);
    expect(await desk.steps.proveBatch(desk.at)).toMatchObject({ open: 0 });
  });

  it("retry: a device that stands aside is due at once", async () => {
    const desk = new Desk();
    const device = await desk.contained();
    expect(await desk.tell("retry")).toMatchObject({ status: 409, code: "nothing-to-retry" });
    const out = await desk.batches.checkOut(rollId, 0, "t");
    if (out.outcome === "busy") throw new Error("leased");
    const unreachable = { since: desk.clock.now(), reason: "no answer" };
    await out.batch.settle(undefined, [{ ...(await desk.row(device)), unreachable }]);
    expect(await desk.tell("retry")).toMatchObject({ changed: true });
    expect((await desk.row(device)).tryAgainAt).toBe(desk.clock.now());
    expect(await desk.tell("retry")).toMatchObject({ changed: false });
  });

  it("never comes before containment", async () => {
    const desk = new Desk();
    await desk.open(desk.device("pump-1"));
    expect(await desk.tell("skip")).toMatchObject({ status: 409, code: "not-contained-yet" });
    await desk.contain();
    expect(await desk.tell("skip")).toMatchObject({ changed: true });
  });

  it.each<[string, Parameters<Desk["tell"]>, number, string]>([
    ["by a function key", ["skip", { by: key }], 403, "person-needed"],
    ["without a note", ["skip", { body: {} }], 400, "invalid-command"],
    ["with an empty note", ["skip", { body: { note: "" } }], 400, "invalid-command"],
    ["with an endless note", ["skip", { body: { note: "x".repeat(501) } }], 400, "invalid-command"],
    ["with more than that", ["skip", { body: { note: "x", force: true } }], 400, "invalid-command"],
    ["in too many words", ["skip", { body: { note: "x".repeat(9_000) } }], 413, "payload-too-large"],
    ["in another word", ["delete", {}], 404, "unknown-verb"],
    ["of another roll", ["skip", { roll: "x" }], 404, "unknown-roll"],
    ["of another device", ["skip", { id: "pump-9" }], 404, "device-not-in-roll"],
    ["of a path", ["skip", { id: "../pump-1" }], 404, "device-not-in-roll"],
  ])("%s is refused", async (_how, args, status, code) => {
    const desk = new Desk();
    await desk.contained();
    expect(await desk.tell(...args)).toMatchObject({ status, code });
  });

  it("of a roll that is over, or of a device that is done, is refused", async () => {
    const desk = new Desk();
    const device = await desk.contained();
    const out = await desk.batches.checkOut(rollId, 0, "t");
    if (out.outcome === "busy") throw new Error("leased");
    const proof = { provenAt: desk.clock.now(), attemptId: "a1" as never, rules: [] };
    await out.batch.settle(undefined, [{ ...(await desk.row(device)), proof }]);
    expect(await desk.tell("accept")).toMatchObject({ status: 409, code: "device-is-done" });
    await desk.rolls.update(rollId, (roll) => ({ ...roll, phase: "finished" }));
    expect(await desk.tell("accept")).toMatchObject({ status: 409, code: "roll-finished" });
  });
});

describe("readiness", () => {
  it("names what does not answer, by its code, and waits for none of it", async () => {
    const desk = new Desk();
    const { clock, azure, rolls } = desk;
    let asked = 0;
    const never = new Promise<never>(() => undefined);
    const denied = new RollError("service-denied-us", "SharedAccessKey=abc", false);
    const check = createCheckReadiness({
      clock,
      rolls,
      hubs: azure.hubs,
      waiter: { sleep: () => Promise.resolve() },
      enrollments: { get: () => ((asked += 1), never) },
      authorities: { listVerified: () => Promise.reject(denied) },
    });
    const readiness = await check();
    expect(readiness.ready).toBe(false);
    expect(readiness.checks).toContainEqual({ name: "dps", ok: false, code: "service-unavailable" });
    expect(JSON.stringify(readiness)).not.toContain("SharedAccessKey");
    await check();
    expect(asked).toBe(1);
    clock.pass(10_000);
    await check();
    expect(asked).toBe(2);
  });

  it("is ready when all answer", async () => {
    const { clock, azure, rolls } = new Desk();
    const { enrollments, authorities, hubs } = azure;
    const waiter = { sleep: () => new Promise<void>(() => undefined) };
    const check = createCheckReadiness({ clock, rolls, waiter, enrollments, authorities, hubs });
    const { ready, checks } = await check();
    expect(ready).toBe(true);
    expect(checks.map(({ name }) => name)).toEqual(["storage", "dps", "arm", expect.stringMatching(/^hub /)]);
  });
});
