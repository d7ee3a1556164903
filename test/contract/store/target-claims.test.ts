import { TableTargetClaims } from "../../../shared/adapters/store/target-claim-store";
import type { RollId } from "../../../shared/domain/ids";
import type { TargetClaims } from "../../../shared/ports/target-claims";
import { azuriteForThisFile, operations } from "../../support/azurite";
import { thumbprint } from "../../support/builders";
import { MemoryTargetClaims } from "../../support/memory-target-claims";
import { aRegistrationId, aRollId } from "./samples";

const storage = azuriteForThisFile();
const ids = (from: number, to: number): { id: string }[] =>
  Array.from({ length: to - from }, (_, i) => ({ id: aRegistrationId(from + i) }));
const names = (targets: readonly { id: string }[]): string[] => targets.map(({ id }) => id);
const by = (rollId: RollId, priority = 0, batch = 0): { rollId: RollId; priority: number; batch: number } => ({
  rollId,
  priority,
  batch,
});

describe.each([
  ["in memory", (): TargetClaims => new MemoryTargetClaims()],
  ["on Azure Tables", (): TargetClaims => new TableTargetClaims(storage.open())],
])("claims on targets %s", (_where, make) => {
  test("free targets are claimed, again without effect, and shown to another roll as held", async () => {
    const claims = make();
    const [first, second] = [aRollId(), aRollId()];
    const nothing = { held: new Map(), superseded: new Map() };
    expect(await claims.claim(by(first), "device", ids(0, 150))).toEqual(nothing);
    expect(await claims.claim(by(first), "device", ids(0, 150))).toEqual(nothing);
    const { held, superseded } = await claims.claim(by(second, 0, 3), "device", ids(148, 152));
    expect(held).toEqual(new Map(names(ids(148, 150)).map((id) => [id, by(first)])));
    expect(superseded.size).toBe(0);
    expect(await claims.takeovers(first)).toBe(0);
    expect(await claims.holders("device", names(ids(149, 153)))).toEqual(
      new Map([
        [aRegistrationId(149), by(first)],
        [aRegistrationId(150), by(second, 0, 3)],
        [aRegistrationId(151), by(second, 0, 3)],
      ]),
    );
  });

  test("a weightier roll takes over, and the other one can see that somebody did", async () => {
    const claims = make();
    const [expiry, breach] = [aRollId(), aRollId()];
    await claims.claim(by(expiry, 0, 7), "device", ids(0, 10));
    const { held, superseded } = await claims.claim(by(breach, 1), "device", ids(5, 12));
    expect(held.size).toBe(0);
    expect(superseded).toEqual(new Map(names(ids(5, 10)).map((id) => [id, by(expiry, 0, 7)])));
    expect(await claims.takeovers(expiry)).toBe(1);
    expect(await claims.takeovers(breach)).toBe(0);
    // Run again, as after a crash: the same answer, and the other roll is told once more.
    expect((await claims.claim(by(breach, 1), "device", ids(5, 12))).superseded).toEqual(superseded);
    expect(await claims.takeovers(expiry)).toBe(2);
    expect((await claims.claim(by(expiry, 0, 7), "device", ids(0, 10))).held.size).toBe(5);
  });

  test("of two breaches the newer one takes over only with a credential that the older does not name", async () => {
    const claims = make();
    const [older, newer] = [aRollId(), aRollId()];
    const [a, b] = names(ids(0, 2)) as [string, string];
    const primary = { slots: ["primary" as const] };
    await claims.claim(
      by(older, 1),
      "device",
      [a, b].map((id) => ({ id, scope: primary })),
    );
    const { held, superseded } = await claims.claim(by(newer, 1), "device", [
      { id: a, scope: primary },
      { id: b, scope: { slots: ["primary", "secondary"] } },
    ]);
    expect([...held.keys()]).toEqual([a]);
    expect([...superseded.keys()]).toEqual([b]);
  });

  test("of two breaches that each name what the other does not, the older one does not take the target back", async () => {
    const claims = make();
    const [older, newer] = [aRollId(), aRollId()];
    const [id] = names(ids(0, 1)) as [string];
    const slots = { id, scope: { slots: ["primary" as const, "secondary" as const] } };
    const leaf = { id, scope: { slots: ["primary" as const], leaf: thumbprint("A") } };
    await claims.claim(by(older, 1), "device", [slots]);
    expect((await claims.claim(by(newer, 1), "device", [leaf])).superseded.size).toBe(1);
    expect((await claims.claim(by(older, 1), "device", [slots])).held.size).toBe(1);
    expect((await claims.claim(by(newer, 1), "device", [leaf])).held.size).toBe(0);
  });

  test("who has lost a target is told so for ever, also when the taker has given it up or lost it to a third", async () => {
    const claims = make();
    const [first, second, third, fourth] = [aRollId(), aRollId(), aRollId(), aRollId()];
    const [id] = names(ids(0, 1)) as [string];
    await claims.claim(by(first), "device", [{ id }]);
    await claims.claim(by(second, 1), "device", [{ id }]);
    await claims.claim(by(third, 2), "device", [{ id }]);
    await claims.release(third, "device", [id]);
    await claims.claim(by(fourth), "device", [{ id }]);
    expect(await claims.takers(first, "device", [id])).toEqual(new Map([[id, second]]));
    expect(await claims.takers(second, "device", [id])).toEqual(new Map([[id, third]]));
    for (const roll of [third, fourth])
      expect(await claims.takers(roll, "device", names(ids(0, 2)))).toEqual(new Map());
  });

  test("devices, groups and CAs of the same name are different things", async () => {
    const claims = make();
    const rolls = [aRollId(), aRollId(), aRollId()] as const;
    for (const [n, kind] of (["device", "group", "ca"] as const).entries())
      expect((await claims.claim(by(rolls[n]!), kind, [{ id: "line-7" }])).held.size).toBe(0);
  });

  test("a roll gives up its own claims only, and only those named", async () => {
    const claims = make();
    const [first, second] = [aRollId(), aRollId()];
    await claims.claim(by(first), "device", ids(0, 3));
    await claims.release(second, "device", names(ids(0, 3)));
    await claims.release(first, "device", names(ids(1, 3)));
    await claims.release(first, "device", names(ids(1, 3)));
    const { held } = await claims.claim(by(second), "device", ids(0, 3));
    expect([...held.keys()]).toEqual([aRegistrationId(0)]);
  });

  test("of two rolls that claim the same targets at once each target goes to exactly one", async () => {
    const claims = make();
    const [first, second] = [aRollId(), aRollId()];
    const [one, other] = await Promise.all([
      claims.claim(by(first), "device", ids(0, 120)),
      claims.claim(by(second), "device", ids(0, 120).reverse()),
    ]);
    for (const { id } of ids(0, 120))
      expect([one.held.get(id), other.held.get(id)].filter((holder) => holder !== undefined)).toHaveLength(1);
  });

  test("of an expiry and a breach at once the breach gets everything, whoever was first", async () => {
    const claims = make();
    const [expiry, breach] = [aRollId(), aRollId()];
    await Promise.all([
      claims.claim(by(expiry), "device", ids(0, 60)),
      claims.claim(by(breach, 3), "device", ids(0, 60)),
    ]);
    const holders = await claims.holders("device", names(ids(0, 60)));
    expect(new Set([...holders.values()].map(({ rollId }) => rollId))).toEqual(new Set([breach]));
  });
});

test("claims cost a batch of neighbours a handful of storage operations", async () => {
  const clients = storage.open();
  const table = await clients.table("claims");
  const claims = new TableTargetClaims(clients);
  const rollId = aRollId();
  const group = [{ id: "line-7" }];
  expect(await operations(table, () => claims.claim(by(rollId), "group", group))).toBe(2);
  expect(await operations(table, () => claims.claim(by(rollId), "group", group))).toBe(1);
  expect(await operations(table, () => claims.takeovers(rollId))).toBe(1);
  expect(await operations(table, () => claims.release(rollId, "group", ["line-7"]))).toBe(2);
});
