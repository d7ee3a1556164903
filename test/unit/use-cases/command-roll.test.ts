import type { RollId } from "../../../shared/domain/ids";
import { approver, Door, operator } from "./door";

const hash = "A".repeat(64);

async function aRoll(door: Door): Promise<RollId> {
  const order = { version: "1", playbook: "individual-expiry", reason: "due", approval: "required" };
  const scope = { kind: "devices", devices: [{ registrationId: "pump-1" }] };
  const answer = await door.order(JSON.stringify({ ...order, scope }));
  if (answer.outcome !== "accepted") throw new Error("was not accepted");
  await door.rolls.update(answer.rollId, (roll) => ({ ...roll, phase: "awaiting-approval", planHash: hash, waves: 2 }));
  return answer.rollId;
}

describe("a command", () => {
  it("stands on the control row, with name and note, and once only under one key", async () => {
    const door = new Door();
    const rollId = await aRoll(door);
    const pause = (): ReturnType<Door["command"]> =>
      door.command(rollId, "pause", { body: { note: "storm" }, key: "p1" });
    expect(await pause()).toMatchObject({ outcome: "done", desired: "paused", changed: true });
    expect(await door.command(rollId, "resume")).toMatchObject({ desired: "running", changed: true });
    expect(await pause()).toMatchObject({ desired: "running", changed: false });
    const journal = await door.control.readJournal(rollId);
    expect(journal.map(({ command, after }) => [command.verb, command.by, command.note, after])).toEqual([
      ["pause", "Ada", "storm", "paused"],
      ["resume", "Ada", undefined, "running"],
    ]);
  });

  it("approves the plan that was read, by somebody else than who asked", async () => {
    const door = new Door();
    const rollId = await aRoll(door);
    const approve = (body: object, by = approver): ReturnType<Door["command"]> =>
      door.command(rollId, "approve", { body, by });
    expect(await approve({ planHash: hash }, { ...operator, roles: ["approver"] })).toMatchObject({
      status: 403,
      code: "second-person-needed",
    });
    expect(await approve({})).toMatchObject({ status: 400, code: "approval-incomplete" });
    expect(await approve({ planHash: hash, wave: 1 })).toMatchObject({ code: "approval-incomplete" });
    expect(await approve({ planHash: "B".repeat(64) })).toMatchObject({ status: 409, code: "other-plan" });
    expect(await approve({ wave: 2 })).toMatchObject({ status: 409, code: "unknown-wave" });
    expect(await approve({ planHash: hash })).toMatchObject({ outcome: "done", changed: true });
    expect((await door.control.get(rollId))?.approvals).toMatchObject([{ by: "Grace", subject: { planHash: hash } }]);
  });

  it("comes too late for a roll of which only header and report are kept", async () => {
    const door = new Door();
    const rollId = await aRoll(door);
    const purged = { at: door.clock.now(), done: true };
    await door.rolls.update(rollId, (roll) => ({ ...roll, phase: "finished", purged }));
    expect(await door.command(rollId, "pause")).toMatchObject({ status: 409, code: "roll-finished" });
  });

  it("needs a plan before it can approve one", async () => {
    const door = new Door();
    const rollId = await aRoll(door);
    await door.rolls.update(rollId, ({ planHash: _none, ...roll }) => roll);
    expect(await door.command(rollId, "approve", { body: { planHash: hash }, by: approver })).toMatchObject({
      code: "not-planned-yet",
    });
  });

  it.each([
    [404, "unknown-roll", "nothing", {}],
    [400, "invalid-idempotency-key", undefined, { key: "with space" }],
    [400, "invalid-command", undefined, { body: { nota: "bene" } }],
    [400, "invalid-command", undefined, { body: { note: "n".repeat(1_001) } }],
  ])("is refused with %i %s", async (status, code, rollId, o) => {
    const door = new Door();
    const known = await aRoll(door);
    expect(await door.command(rollId ?? known, "pause", o)).toMatchObject({ status, code });
    expect((await door.control.get(known))?.revision).toBe(0);
  });

  it("says which phase a roll is in when it comes too late", async () => {
    const door = new Door();
    const rollId = await aRoll(door);
    await door.command(rollId, "abort");
    expect(await door.command(rollId, "resume")).toMatchObject({ status: 409, code: "roll-aborted" });
    await door.rolls.update(rollId, (roll) => ({ ...roll, phase: "finished" }));
    const late = await door.command(rollId, "pause");
    expect(late).toMatchObject({ status: 409, code: "roll-finished" });
    expect(JSON.stringify(late)).toContain("finished");
  });
});
