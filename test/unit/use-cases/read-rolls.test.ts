import { RollDeviceList, RollList, RollView } from "../../../shared/contract/operator-api";
import { AttemptId, RegistrationId, RollId } from "../../../shared/domain/ids";
import { addMs } from "../../../shared/domain/instant";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import { createReadRolls } from "../../../shared/use-cases/read-rolls";
import {
  aContainedRow,
  aRow,
  aSummary,
  deviceId as aDeviceId,
  hubName,
  otherRollId,
  planned,
  rollId,
  t0,
} from "../../support/builders";
import { MemoryBatchStore, MemoryRollStore } from "../../support/memory-stores";

const attempt = { attemptId: AttemptId.parse("a1"), nonce: "0".repeat(32), startedAt: t0 };

class Office {
  readonly rolls = new MemoryRollStore();
  readonly batches = new MemoryBatchStore({ now: () => t0 }, 1_000);
  readonly read = createReadRolls(this);

  async roll(id: RollId, batches: readonly (readonly DeviceRow[])[]): Promise<void> {
    const devices = batches.flat().length;
    const about = {
      playbook: "individual-breach",
      source: "soc",
      alertId: "1",
      reason: "leak",
      requestedAt: t0,
    } as const;
    await this.rolls.create({ rollId: id, ...about, phase: "containing", devices, batches: batches.length });
    for (const [batch, rows] of batches.entries()) await this.batches.create(id, batch, rows);
  }
}

const named = (name: string, row: DeviceRow): DeviceRow => ({ ...row, registrationId: RegistrationId.parse(name) });
const { attempt: _attempt, ...waiting } = aContainedRow();

describe("the list of rolls", () => {
  it("comes newest first, in pages", async () => {
    const office = new Office();
    const ids = Array.from({ length: 5 }, (_, n) => RollId.parse(`2026010${n + 1}T000000000Z-00000000`));
    for (const id of ids) await office.roll(id, [[aRow()]]);
    const first = RollList.parse(await office.read.list({ limit: "2" }));
    expect(first.rolls.map((roll) => roll.rollId)).toEqual([ids[4], ids[3]]);
    const second = RollList.parse(await office.read.list({ limit: "2", after: first.next ?? "" }));
    expect(second.rolls.map((roll) => roll.rollId)).toEqual([ids[2], ids[1]]);
    const last = RollList.parse(await office.read.list({ limit: "2", after: second.next ?? "" }));
    expect(last.rolls.map((roll) => roll.rollId)).toEqual([ids[0]]);
    expect(last.next).toBeUndefined();
  });

  it.each<Record<string, string>>([
    { limit: "0" },
    { limit: "101" },
    { limit: "1.5" },
    { limit: "many" },
    { after: "yesterday" },
    { phase: "done" },
    { playbook: "individual-breach'" },
    { outcome: "" },
    { since: "2026-01-01" },
    { until: "tomorrow" },
    { page: "2" },
  ])("is refused for %j", async (query) => {
    expect(await new Office().read.list(query)).toMatchObject({ status: 400, code: "invalid-query" });
  });

  it("holds what fits, looked for over as many rolls as one answer may cost", async () => {
    const office = new Office();
    const ids = Array.from({ length: 1_300 }, (_, n) =>
      RollId.parse(`20260101T${String(n).padStart(9, "0")}Z-00000000`),
    );
    for (const id of ids) await office.roll(id, []);
    const rare = [ids[50]!, ids[1_200]!];
    for (const id of rare)
      await office.rolls.update(id, (roll) => ({ ...roll, phase: "finished", outcome: "aborted" }));
    const first = RollList.parse(await office.read.list({ outcome: "aborted" }));
    expect(first.rolls.map((roll) => roll.rollId)).toEqual([rare[1]]);
    const second = RollList.parse(await office.read.list({ outcome: "aborted", after: first.next ?? "" }));
    expect(second.rolls.map((roll) => roll.rollId)).toEqual([rare[0]]);
    expect(second.next).toBeUndefined();
    const both = RollList.parse(await office.read.list({ phase: "finished", limit: "1" }));
    expect(both.rolls.map((roll) => roll.rollId)).toEqual([rare[1]]);
  });

  it("ends and begins at a moment", async () => {
    const office = new Office();
    const ids = [1, 2, 3, 4].map((n) => RollId.parse(`2026010${n}T000000000Z-00000001`));
    for (const [n, id] of ids.entries()) {
      await office.roll(id, []);
      await office.rolls.update(id, (roll) => ({ ...roll, requestedAt: addMs(t0, n * 86_400_000) }));
    }
    const query = { since: "2026-01-02T00:00:00Z", until: "2026-01-03T01:00:00+01:00" };
    const { rolls, next } = RollList.parse(await office.read.list(query));
    expect(rolls.map((roll) => roll.rollId)).toEqual([ids[2], ids[1]]);
    expect(next).toBeUndefined();
  });
});

describe("a roll", () => {
  it("is shown with counts summed over its batches until it is finished, then with its own", async () => {
    const office = new Office();
    await office.roll(rollId, [[aRow()], [aRow()]]);
    await office.rolls.putSummary(rollId, aSummary(0, { planned: 1 }));
    await office.rolls.putSummary(rollId, aSummary(1, { planned: 1, proven: 2 }));
    expect(RollView.parse(await office.read.get(rollId))).toMatchObject({
      counts: { planned: 2, proven: 2 },
      requestedAt: "2026-01-01T00:00:00.000Z",
      statusUrl: `/api/rolls/${rollId}`,
      devicesUrl: `/api/rolls/${rollId}/devices`,
    });
    await office.rolls.update(rollId, (roll) => ({
      ...roll,
      phase: "finished",
      outcome: "partial",
      counts: { proven: 1 },
    }));
    expect(await office.read.get(rollId)).toMatchObject({ counts: { proven: 1 }, outcome: "partial" });
  });

  it.each([otherRollId, "", "../secrets", "%00"])("that does not exist is a problem: %j", async (id) => {
    const office = new Office();
    await office.roll(rollId, [[aRow()]]);
    for (const answer of [await office.read.get(id), await office.read.devices(id, {})])
      expect(answer).toMatchObject({ outcome: "problem", status: 404, code: "unknown-roll" });
  });
});

describe("the devices of a roll", () => {
  it("come a batch per page", async () => {
    const office = new Office();
    await office.roll(rollId, [[named("a", aRow())], [named("b", aRow())]]);
    const first = RollDeviceList.parse(await office.read.devices(rollId, {}));
    expect(first.devices.map((device) => device.registrationId)).toEqual(["a"]);
    const second = RollDeviceList.parse(await office.read.devices(rollId, { after: first.next ?? "" }));
    expect(second.devices.map((device) => device.registrationId)).toEqual(["b"]);
    expect(second.next).toBeUndefined();
  });

  it.each<[Record<string, string>, string]>([
    [{ after: "2" }, "invalid-cursor"],
    [{ after: "-1" }, "invalid-query"],
    [{ after: "1.5" }, "invalid-query"],
    [{ state: "lost" }, "invalid-query"],
    [{ limit: "5" }, "invalid-query"],
  ])("are refused for %j with %s", async (query, code) => {
    const office = new Office();
    await office.roll(rollId, [[aRow()], [aRow()]]);
    expect(await office.read.devices(rollId, query)).toMatchObject({ status: 400, code });
  });

  it("of one state come without pages that have none", async () => {
    const office = new Office();
    await office.roll(rollId, [
      [named("a", aRow())],
      [named("b", aContainedRow()), named("c", aRow())],
      [named("d", aRow())],
    ]);
    for (const [batch, counts] of [{ planned: 1 }, { dispatched: 1, planned: 1 }, { planned: 1 }].entries())
      await office.rolls.putSummary(rollId, aSummary(batch, counts));
    const one = RollDeviceList.parse(await office.read.devices(rollId, { state: "dispatched" }));
    expect(one.devices.map(({ registrationId }) => registrationId)).toEqual(["b"]);
    expect(one.next).toBeUndefined();
    const many = RollDeviceList.parse(await office.read.devices(rollId, { state: "planned", after: "1" }));
    expect(many).toMatchObject({ devices: [{ registrationId: "c" }], next: "2" });
  });

  it("are an empty list before the batches are made, whatever phase the roll is in", async () => {
    const office = new Office();
    await office.roll(rollId, [[aRow()]]);
    for (const phase of ["requested", "planning", "containing"] as const) {
      await office.rolls.update(rollId, (roll) => ({ ...roll, phase, batches: 2 }));
      expect(await office.read.devices(rollId, { after: "1" })).toEqual({ rollId, devices: [] });
    }
  });

  it("are an empty list where nobody knows yet how many batches there will be", async () => {
    const office = new Office();
    await office.roll(rollId, []);
    expect(await office.read.devices(rollId, {})).toEqual({ rollId, devices: [] });
  });

  it.each<[RegExp | undefined, string, DeviceRow]>([
    [/claimed-by/, "skipped", aContainedRow({ skipped: `claimed-by ${otherRollId}` })],
    [/treat as exposed: the hub/, "given up on", aRow({ unconfirmed: "the hub" })],
    [/no individual enrollment/, "without an entry", { ...waiting, entry: { state: "missing", disabled: false } }],
    [
      /treat as exposed: the hub.*no individual enrollment/,
      "given up on and without an entry",
      aRow({ unconfirmed: "the hub", entry: { state: "missing", disabled: false } }),
    ],
    [/shared keys/, "opened by shared keys as well", { ...waiting, warnings: ["sas-authentication"] }],
    [
      /still has to be given back/,
      "in another's debt",
      { ...waiting, guessed: [{ deviceId: aDeviceId, hub: hubName, round: 1, status: "enabled" }] },
    ],
    [/still misses: hub/, "judged", aContainedRow({ missing: "hub" })],
    [/needs a new certificate/, "without a leaf", { ...waiting, allowed: [] }],
    [/cannot be judged yet/, "with a pending replacement", { ...waiting, allowed: [], replacementPending: "x" }],
    [/waiting for the device/, "waited for", { ...waiting, allowed: [planned] }],
    [/asked to report/, "asked", aContainedRow()],
    [undefined, "untouched", aRow()],
    [/both certificates are in/, "staged", aRow({ stagedAt: t0 })],
    [/told to change over; no answer/, "told", aRow({ stagedAt: t0, attempt, attempts: 1 })],
    [
      /no answer: 404103; tried again at 2026-01-01T00:00:00.000Z/,
      "unreachable",
      aRow({ attempts: 1, attempt, unreachable: { since: t0, reason: "404103" }, tryAgainAt: t0 }),
    ],
    [/old certificate stays: old-leaf-in-use/, "kept", aRow({ kept: "old-leaf-in-use" })],
  ])("say %s of one that is %s", async (detail, _what, row) => {
    const office = new Office();
    await office.roll(rollId, [[row]]);
    const [device] = RollDeviceList.parse(await office.read.devices(rollId, {})).devices;
    if (detail === undefined) expect(device?.detail).toBeUndefined();
    else expect(device?.detail).toMatch(detail);
  });

  it("show a refusal by its code, and never a nonce", async () => {
    const office = new Office();
    const refusal = { code: "expired", detail: "the replacement expired" };
    await office.roll(rollId, [[aContainedRow({ refusal })]]);
    const answer = await office.read.devices(rollId, {});
    expect(answer).toMatchObject({ devices: [{ refusal: { outcome: "replacement-refused", ...refusal } }] });
    expect(JSON.stringify(answer)).not.toContain(aContainedRow().attempt?.nonce);
  });
});
