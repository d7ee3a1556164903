import { createHash, randomBytes } from "node:crypto";
import { TableClaimStore } from "../../../shared/adapters/store/claim-store";
import type { StoreClients } from "../../../shared/adapters/store/tables";
import type { Entropy } from "../../../shared/ports/clock";
import type { ClaimStore, StartClaim } from "../../../shared/ports/stores";
import { azuriteForThisFile, intercept, operations } from "../../support/azurite";
import { MemoryClaimStore } from "../../support/memory-stores";
import { aRegistrationId, aRollId, start } from "./samples";

const storage = azuriteForThisFile();
const entropy: Entropy = {
  randomHex: (bytes) => randomBytes(bytes).toString("hex"),
  sha256: (text) => createHash("sha256").update(text).digest("hex").toUpperCase(),
};
const onTables = (clients: StoreClients): ClaimStore => new TableClaimStore(clients, entropy);

const claimOf = (alert: string): StartClaim => ({
  key: entropy.sha256(`soc|${alert}`),
  rollId: aRollId(),
  bodySha256: entropy.sha256("body"),
  at: start,
});
const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => aRegistrationId(from + i));

describe.each([
  ["in memory", (): ClaimStore => new MemoryClaimStore()],
  ["on Azure Tables", (): ClaimStore => onTables(storage.open())],
])("claims %s", (_where, make) => {
  test("a start nobody claimed is claimed, and found by its key", async () => {
    const store = make();
    const claim = claimOf("one");
    expect(await store.findStart(claim.key)).toBeUndefined();
    expect(await store.claimStart(claim)).toEqual({ outcome: "claimed" });
    expect(await store.findStart(claim.key)).toEqual(claim);
    expect(await store.findStart(claimOf("two").key)).toBeUndefined();
  });

  test("the first claim stands for ever: whoever comes later is shown it", async () => {
    const store = make();
    const first = claimOf("one");
    await store.claimStart(first);
    expect(await store.claimStart({ ...claimOf("one"), bodySha256: "OTHER" })).toEqual({
      outcome: "exists",
      claim: first,
    });
    expect(await store.claimStart(first)).toEqual({ outcome: "exists", claim: first });
    expect(await store.findStart(first.key)).toEqual(first);
  });

  test("of many claims of the same start at once exactly one wins, and all see the winner", async () => {
    const store = make();
    const claims = Array.from({ length: 12 }, () => claimOf("one"));
    const answers = await Promise.all(claims.map((claim) => store.claimStart(claim)));
    const winners = claims.filter((_, i) => answers[i]?.outcome === "claimed");
    expect(winners).toHaveLength(1);
    const seen = answers.flatMap((answer) => (answer.outcome === "exists" ? [answer.claim] : []));
    expect(seen).toEqual(Array.from({ length: 11 }, () => winners[0]));
  });

  test("free targets are claimed, again without effect, and shown to another roll as held", async () => {
    const store = make();
    const [first, second] = [aRollId(), aRollId()];
    expect(await store.claimTargets(first, ids(0, 150))).toEqual(new Map());
    expect(await store.claimTargets(first, ids(0, 150))).toEqual(new Map());
    const held = await store.claimTargets(second, ids(148, 152));
    expect(held).toEqual(new Map(ids(148, 150).map((id) => [id, first])));
    expect(await store.claimTargets(first, ids(150, 152))).toEqual(new Map(ids(150, 152).map((id) => [id, second])));
  });

  test("a roll gives up its own claims only, and only those named", async () => {
    const store = make();
    const [first, second] = [aRollId(), aRollId()];
    await store.claimTargets(first, ids(0, 3));
    await store.releaseTargets(second, ids(0, 3));
    await store.releaseTargets(first, ids(1, 3));
    await store.releaseTargets(first, ids(1, 3));
    expect(await store.claimTargets(second, ids(0, 3))).toEqual(new Map([[aRegistrationId(0), first]]));
  });

  test("of two rolls that claim the same targets at once each target goes to exactly one", async () => {
    const store = make();
    const [first, second] = [aRollId(), aRollId()];
    const [heldFromFirst, heldFromSecond] = await Promise.all([
      store.claimTargets(first, ids(0, 120)),
      store.claimTargets(second, ids(0, 120).reverse()),
    ]);
    for (const id of ids(0, 120)) {
      expect([heldFromFirst.get(id), heldFromSecond.get(id)].filter((holder) => holder !== undefined)).toHaveLength(1);
    }
    expect(new Set(heldFromFirst.values())).toEqual(new Set(heldFromFirst.size > 0 ? [second] : []));
    expect(new Set(heldFromSecond.values())).toEqual(new Set(heldFromSecond.size > 0 ? [first] : []));
  });

  test("no targets are no work", async () => {
    const store = make();
    expect(await store.claimTargets(aRollId(), [])).toEqual(new Map());
    await store.releaseTargets(aRollId(), []);
  });
});

describe("claims on Azure Tables, beneath", () => {
  test("a claim whose answer is lost is still won, although the repetition meets its own row", async () => {
    const clients = storage.open();
    const claim = claimOf("one");
    let tries = 0;
    intercept(
      await clients.table("claims"),
      async (_request, send) => {
        const answer = await send();
        tries += 1;
        if (tries > 1) return answer;
        answer.headers.set("retry-after", "0");
        return { ...answer, status: 503 };
      },
      { eachTry: true },
    );
    expect(await onTables(clients).claimStart(claim)).toEqual({ outcome: "claimed" });
    expect(tries).toBe(3);
  });

  test("a claim that another roll took in the meantime is not given up with ours", async () => {
    const clients = storage.open();
    const table = await clients.table("claims");
    const [first, second] = [aRollId(), aRollId()];
    await onTables(clients).claimTargets(first, ids(0, 1));
    const stop = intercept(table, async (request, send) => {
      if (request.method !== "DELETE") return send();
      stop();
      await onTables(clients).releaseTargets(first, ids(0, 1));
      await onTables(clients).claimTargets(second, ids(0, 1));
      return send();
    });
    await onTables(clients).releaseTargets(first, ids(0, 1));
    expect(await onTables(clients).claimTargets(first, ids(0, 1))).toEqual(new Map([[aRegistrationId(0), second]]));
  });

  test("storage operations are as few as documented", async () => {
    const clients = storage.open();
    const table = await clients.table("claims");
    const store = onTables(clients);
    const claim = claimOf("one");
    expect(await operations(table, () => store.claimStart(claim))).toBe(1);
    expect(await operations(table, () => store.claimStart(claim))).toBe(2);
    expect(await operations(table, () => store.findStart(claim.key))).toBe(1);
    const rollId = aRollId();
    expect(await operations(table, () => store.claimTargets(rollId, ids(0, 500)))).toBe(32);
    expect(await operations(table, () => store.claimTargets(rollId, ids(0, 500)))).toBe(16);
    expect(await operations(table, () => store.releaseTargets(rollId, ids(0, 1)))).toBe(2);
  });
});
