import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { BlobRollBlobs } from "../../../shared/adapters/store/roll-blobs";
import type { RollTarget } from "../../../shared/domain/roll/request";
import type { RollBlobs } from "../../../shared/ports/stores";
import { azuriteForThisFile } from "../../support/azurite";
import { MemoryRollBlobs } from "../../support/memory-stores";
import { aRegistrationId, aRequest, aRollId } from "./samples";

const storage = azuriteForThisFile();

const targets = (count: number): RollTarget[] =>
  Array.from({ length: count }, (_, n) => ({
    registrationId: aRegistrationId(n),
    compromisedSlots: ["secondary"],
    replacement: { kind: "inline", chainPem: "MIIB".repeat(1_000) },
  }));

describe.each([
  ["in memory", (): RollBlobs => new MemoryRollBlobs()],
  ["on Azure Blobs", (): RollBlobs => new BlobRollBlobs(storage.open())],
])("a roll's blobs %s", (_where, make) => {
  test("a request is read back as it was put; the first one stands", async () => {
    const blobs = make();
    const rollId = aRollId();
    await blobs.putRequest(rollId, aRequest());
    await blobs.putRequest(rollId, aRequest({ reason: "another" }));
    expect(await blobs.getRequest(rollId)).toEqual(aRequest());
  });

  test("of many requests put at once one stands, and everybody reads the same", async () => {
    const blobs = make();
    const rollId = aRollId();
    const reasons = Array.from({ length: 8 }, (_, n) => `reason ${n}`);
    await Promise.all(reasons.map((reason) => blobs.putRequest(rollId, aRequest({ reason }))));
    const { reason } = await blobs.getRequest(rollId);
    expect(reasons).toContain(reason);
    expect((await blobs.getRequest(rollId)).reason).toBe(reason);
  });

  test("targets are kept per batch, large ones too; the first write stands", async () => {
    const blobs = make();
    const rollId = aRollId();
    await blobs.putTargets(rollId, 0, targets(90));
    await blobs.putTargets(rollId, 1, targets(1));
    await blobs.putTargets(rollId, 0, targets(2));
    expect(await blobs.getTargets(rollId, 0)).toEqual(targets(90));
    expect(await blobs.getTargets(rollId, 1)).toEqual(targets(1));
  });

  test("what is not there, and what could not be read back, are errors that say so", async () => {
    const blobs = make();
    const rollId = aRollId();
    await expect(blobs.getRequest(rollId)).rejects.toMatchObject({ code: "store-corrupt", retryable: false });
    await expect(blobs.getTargets(rollId, 0)).rejects.toThrow(rollId);
    const empty = aRequest({ targets: [] });
    await expect(blobs.putRequest(rollId, empty)).rejects.toMatchObject({ code: "store-corrupt" });
    await expect(blobs.getRequest(rollId)).rejects.toMatchObject({ code: "store-corrupt" });
  });
});

test("a blob that does not pass its schema is reported by name", async () => {
  const clients = storage.open();
  const rollId = aRollId();
  const blob = (await clients.container()).getBlockBlobClient(`rolls/${rollId}/request.json`);
  for (const text of ["{}", "{"]) {
    await blob.upload(text, text.length);
    const read = new BlobRollBlobs(clients).getRequest(rollId);
    await expect(read).rejects.toMatchObject({ code: "store-corrupt" });
    await expect(read).rejects.toThrow(`blob rolls/${rollId}/request.json`);
  }
});

test("storage operations are as few as documented: one per call, once the container is there", async () => {
  const clients = storage.open();
  await clients.container();
  const blobs = new BlobRollBlobs(clients);
  const rollId = aRollId();
  let requests = 0;
  const count = () => {
    requests += 1;
  };
  subscribe("http.client.request.start", count);
  try {
    await blobs.putRequest(rollId, aRequest());
    await blobs.putTargets(rollId, 0, targets(90));
    await blobs.getRequest(rollId);
    await blobs.getTargets(rollId, 0);
  } finally {
    unsubscribe("http.client.request.start", count);
  }
  expect(requests).toBe(4);
});
