import { problem } from "../../../shared/domain/outcome";
import { dueKey } from "../../../shared/domain/due";
import { createLiftDeny } from "../../../shared/steps/lift-deny";
import { createDenyEntries, type DenyEntries } from "../../../shared/use-cases/deny-entries";
import { rollId } from "../../support/builders";
import { GroupBed } from "../steps/group-bed";

const person = (): Promise<string> => Promise.resolve("Kim");
const DAYS_91 = 91 * 86_400_000;

function body(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** A device of a group, pinned by a roll that knows its old leaf. */
async function pinned(): Promise<{ bed: GroupBed; deny: DenyEntries; due: () => Promise<{ outcome: string }> }> {
  const bed = new GroupBed();
  bed.azure.addGroup({ groupId: "fleet", signingPems: [bed.root.certificatePem] });
  const { target, old, fresh } = bed.member("pump-1", { nextIssuer: bed.root });
  const replacement = { kind: "inline", chainPem: fresh.chainPem } as const;
  await bed.breach({ authority: "leaf" }, { targets: [{ ...target, compromisedPem: old.chainPem, replacement }] });
  await bed.contain();
  const { clock, denyLedger, rollJournal: journal, due } = bed;
  const { enrollments, groups } = bed.azure;
  const deps = { clock, denyLedger, journal, enrollments, groups, due };
  const key = dueKey("lift-deny", rollId, "enrollment|pump-1");
  return { bed, deny: createDenyEntries(deps), due: () => createLiftDeny(deps)({ rollId, key }) };
}

const lift = { kind: "enrollment", target: "pump-1", person } as const;

describe("deny entries", () => {
  it("are listed with who put them there, why, until when, and what they do", async () => {
    const { deny } = await pinned();
    const listed = await deny.list(null);
    if ("outcome" in listed) throw new Error(listed.detail);
    expect(listed.entries).toEqual([
      expect.objectContaining({ id: "enrollment|pump-1", kind: "pin", owner: "soc", reason: "leak", rollId }),
    ]);
    expect(listed.entries[0]?.explanation).toContain("new leaf alone");
    expect(listed.entries[0]?.removeAfter).toBeDefined();
    expect(listed.next).toBeUndefined();
  });

  it("are not lifted before their date", async () => {
    const { bed, deny } = await pinned();
    expect(await deny.lift({ ...lift, body: body({ reason: "tidy up" }) })).toMatchObject({
      status: 409,
      code: "deny-entry-in-force",
    });
    expect(bed.azure.dps.entry("pump-1")).toBeDefined();
  });

  it("are lifted before it by an approver who says why, and the ledger keeps that", async () => {
    const { bed, deny } = await pinned();
    const answer = await deny.lift({ ...lift, body: body({ reason: "old key destroyed", override: true }) });
    expect(answer).toMatchObject({ lifted: { by: "Kim", reason: "old key destroyed", early: true } });
    expect(bed.azure.dps.entry("pump-1")).toBeUndefined();
    expect(await deny.lift({ ...lift, body: body({ reason: "again", override: true }) })).toMatchObject({
      code: "deny-entry-lifted",
    });
    const { entries } = await bed.rollJournal.read(rollId, { limit: 10 });
    expect(entries.map(({ step, target, kind }) => [step, target, kind])).toEqual([
      ["lift-deny", "enrollment pump-1", "intent"],
      ["lift-deny", "enrollment pump-1", "outcome"],
    ]);
  });

  it("stay when whoever asks may not override", async () => {
    const { bed, deny } = await pinned();
    const nobody = (): Promise<ReturnType<typeof problem>> =>
      Promise.resolve(problem(403, "role-missing", "approver needed"));
    const order = { ...lift, person: nobody, body: body({ reason: "please", override: true }) };
    expect(await deny.lift(order)).toMatchObject({ status: 403 });
    expect(bed.azure.dps.entry("pump-1")).toBeDefined();
  });

  it("are lifted though somebody wrote them in between, or has deleted them already", async () => {
    const { bed, deny } = await pinned();
    bed.azure.faults.add({ operation: "dps.enrollment.delete", effect: { kind: "status", status: 412 }, times: 1 });
    await deny.lift({ ...lift, body: body({ reason: "x", override: true }) });
    expect(bed.azure.dps.entry("pump-1")).toBeUndefined();
    const again = await pinned();
    again.bed.azure.dps.remove("pump-1");
    const answer = await again.deny.lift({ ...lift, body: body({ reason: "x", override: true }) });
    expect(answer).toMatchObject({ lifted: { by: "Kim" } });
  });

  it("go by themselves once what they keep out has run out", async () => {
    const { bed, due } = await pinned();
    expect(await due()).toEqual({ outcome: "nothing" });
    expect((await bed.due.list({ limit: 10 })).length).toBe(1);
    bed.clock.pass(DAYS_91);
    expect(await due()).toEqual({ outcome: "lifted" });
    expect(bed.azure.dps.entry("pump-1")).toBeUndefined();
    expect(await bed.due.list({ limit: 10 })).toEqual([]);
    expect(await due()).toEqual({ outcome: "nothing" });
  });

  it.each([
    ["a body that is no JSON", { ...lift, body: Buffer.from("{") }, "malformed-json"],
    ["no reason", { ...lift, body: body({ override: true }) }, "invalid-lift"],
    ["a field that is not known", { ...lift, body: body({ reason: "x", force: true }) }, "invalid-lift"],
    ["another device", { ...lift, target: "pump-2", body: body({ reason: "x" }) }, "unknown-deny-entry"],
    ["a strange kind", { ...lift, kind: "hub", body: body({ reason: "x" }) }, "unknown-deny-entry"],
  ])("refuse %s", async (_what, order, code) => {
    const { deny } = await pinned();
    expect(await deny.lift(order)).toMatchObject({ code });
  });

  it("refuse a cursor that they did not give", async () => {
    const { deny } = await pinned();
    expect(await deny.list("' or true")).toMatchObject({ status: 400, code: "invalid-cursor" });
  });
});
