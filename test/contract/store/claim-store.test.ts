import { createHash, randomBytes } from "node:crypto";
import { TableClaimStore } from "../../../shared/adapters/store/claim-store";
import type { StoreClients } from "../../../shared/adapters/store/tables";
import type { Entropy } from "../../../shared/ports/clock";
import type { ClaimStore, StartClaim } from "../../../shared/ports/stores";
import { azuriteForThisFile, intercept, operations } from "../../support/azurite";
import { MemoryClaimStore } from "../../support/memory-stores";
import { aRollId, start } from "./samples";

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

  test("storage operations are as few as documented", async () => {
    const clients = storage.open();
    const table = await clients.table("claims");
    const store = onTables(clients);
    const claim = claimOf("one");
    expect(await operations(table, () => store.claimStart(claim))).toBe(1);
    expect(await operations(table, () => store.claimStart(claim))).toBe(2);
    expect(await operations(table, () => store.findStart(claim.key))).toBe(1);
  });
});
