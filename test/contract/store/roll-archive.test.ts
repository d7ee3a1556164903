import { TableBatchStore } from "../../../shared/adapters/store/batch-store";
import { TableClaimStore } from "../../../shared/adapters/store/claim-store";
import { TableControlStore } from "../../../shared/adapters/store/control-store";
import { BlobEvidenceStore } from "../../../shared/adapters/store/evidence-store";
import { TableRollJournal } from "../../../shared/adapters/store/journal-store";
import { StoredRollArchive } from "../../../shared/adapters/store/roll-archive";
import { BlobRollBlobs } from "../../../shared/adapters/store/roll-blobs";
import { TableRollStore } from "../../../shared/adapters/store/roll-store";
import type { StoreClients } from "../../../shared/adapters/store/tables";
import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import type { RollId } from "../../../shared/domain/ids";
import { summarize } from "../../../shared/domain/roll/batch-summary";
import { newControl } from "../../../shared/domain/roll/control";
import { azuriteForThisFile } from "../../support/azurite";
import { aRequest, aRoll, aRollId, devices, start } from "./samples";

const storage = azuriteForThisFile();
const clock = { now: () => start };
const BATCHES = 12;

/** A roll with everything that one leaves behind. */
async function left(clients: StoreClients): Promise<RollId> {
  const rollId = aRollId();
  const rolls = new TableRollStore(clients);
  const batches = new TableBatchStore(clients, clock, 60_000);
  const blobs = new BlobRollBlobs(clients);
  await rolls.create(aRoll(rollId, { phase: "finished", finishedAt: start, batches: BATCHES }));
  await new TableControlStore(clients).create(newControl(rollId, { windows: [], freezes: [] }));
  await blobs.putRequest(rollId, aRequest());
  for (let n = 0; n < BATCHES; n += 1) {
    await batches.create(rollId, n, devices(90));
    await blobs.putTargets(rollId, n, []);
    await rolls.putSummary(rollId, summarize(n, devices(90)));
  }
  await new TableRollJournal(clients).append(rollId, [
    { kind: "outcome", at: start, step: "close-group", target: "group", action: "close", before: "a", result: "ok" },
  ]);
  await new BlobEvidenceStore(clients).putPage(rollId, 0, ["{}"]);
  return rollId;
}

/** Everything of the roll that can still be found, by what holds it. */
async function found(clients: StoreClients, rollId: RollId): Promise<string[]> {
  const places: string[] = [];
  for (const name of ["batches", "rolls", "control"] as const)
    for await (const { partitionKey = "", rowKey = "" } of (await clients.table(name)).listEntities())
      if (`${partitionKey}${rowKey}`.includes(rollId)) places.push(`${name} ${partitionKey} ${rowKey}`);
  for await (const { name } of (await clients.container()).listBlobsFlat())
    if (name.includes(rollId)) places.push(`blob ${name}`);
  return places;
}

async function untilDone(deleteSome: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 20; n += 1) if (await deleteSome()) return;
  throw new Error("it never ends");
}

test("details go, header and report stay; then they go too; another roll keeps all it has", async () => {
  const clients = storage.open();
  const [rollId, other] = [await left(clients), await left(clients)];
  const untouched = await found(clients, other);
  const claims = new TableClaimStore(clients, nodeEntropy);
  const claim = { key: "A".repeat(64), rollId, bodySha256: "B".repeat(64), at: start };
  await claims.claimStart(claim);
  const archive = new StoredRollArchive(clients);
  expect((await found(clients, rollId)).length).toBeGreaterThan(BATCHES * 90);

  await untilDone(() => archive.deleteDetails(rollId));
  expect((await found(clients, rollId)).map((place) => place.split(rollId)[0])).toEqual([
    expect.stringMatching(/^rolls rolls /) as string,
    "blob rolls/",
  ]);
  expect(await new BlobEvidenceStore(clients).readPage(rollId, 0)).toEqual(["{}"]);
  expect(await archive.deleteDetails(rollId)).toBe(true);

  await untilDone(() => archive.deleteReport(rollId));
  expect(await archive.deleteReport(rollId)).toBe(true);
  expect(await found(clients, rollId)).toEqual([]);
  expect(await new TableRollStore(clients).get(rollId)).toBeUndefined();
  expect(await claims.findStart(claim.key)).toEqual(claim);
  expect(await found(clients, other)).toEqual(untouched);
});

test("two that purge the same roll at once are no harm", async () => {
  const clients = storage.open();
  const rollId = await left(clients);
  const archive = new StoredRollArchive(clients);
  const both = (): Promise<boolean[]> => Promise.all([archive.deleteDetails(rollId), archive.deleteDetails(rollId)]);
  await untilDone(async () => (await both()).every(Boolean));
  expect(await found(clients, rollId)).toHaveLength(2);
});
