import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { z } from "zod";
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
    const nameless = aRequest({ source: "" });
    await expect(blobs.putRequest(rollId, nameless)).rejects.toMatchObject({ code: "store-corrupt" });
    await expect(blobs.getRequest(rollId)).rejects.toMatchObject({ code: "store-corrupt" });
  });

  test("other documents are kept by name; the first write of each stands", async () => {
    const blobs = make();
    const rollId = aRollId();
    const part = { name: "parts/000001", schema: z.object({ devices: z.int() }) };
    expect(await blobs.findDocument(rollId, part)).toBeUndefined();
    await blobs.putDocument(rollId, part, { devices: 3 });
    await blobs.putDocument(rollId, part, { devices: 4 });
    await blobs.putDocument(rollId, { ...part, name: "parts/000002" }, { devices: 5 });
    expect(await blobs.findDocument(rollId, part)).toEqual({ devices: 3 });
    await expect(blobs.putDocument(rollId, { ...part, name: "odd" }, { devices: 0.5 })).rejects.toMatchObject({
      code: "store-corrupt",
    });
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

test("a process reads the request of a roll once, though many ask at a time; other rolls push it out", async () => {
  const clients = storage.open();
  const blobs = new BlobRollBlobs(clients);
  const rolls = Array.from({ length: 5 }, () => aRollId());
  for (const rollId of rolls) await blobs.putRequest(rollId, aRequest());
  let requests = 0;
  const count = () => {
    requests += 1;
  };
  const [first = aRollId(), ...others] = rolls;
  subscribe("http.client.request.start", count);
  try {
    await Promise.all(Array.from({ length: 8 }, () => blobs.getRequest(first)));
    for (let n = 0; n < 3; n += 1) expect(await blobs.getRequest(first)).toEqual(aRequest());
    expect(requests).toBe(1);
    for (const rollId of others) await blobs.getRequest(rollId);
    await blobs.getRequest(first);
    expect(requests).toBe(6);
  } finally {
    unsubscribe("http.client.request.start", count);
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

describe.each([
  [
    "in memory",
    async (name: string, text: string): Promise<RollBlobs> => {
      await Promise.resolve();
      const blobs = new MemoryRollBlobs();
      blobs.lists.set(name, text.replace(/\r?\n$/, "").split(/\r?\n/));
      return blobs;
    },
  ],
  [
    "on Azure Blobs",
    async (name: string, text: string): Promise<RollBlobs> => {
      const clients = storage.open();
      const bytes = Buffer.from(text);
      await (await clients.container()).getBlockBlobClient(name).upload(bytes, bytes.length);
      return new BlobRollBlobs(clients);
    },
  ],
])("a list of lines %s", (_where, upload) => {
  const all = async (blobs: RollBlobs, name: string): Promise<string[]> => {
    const lines: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await blobs.readLines(name, cursor);
      expect(page?.firstLine).toBe(lines.length + 1);
      expect(page!.lines.length).toBeLessThanOrEqual(5_000);
      lines.push(...page!.lines);
      cursor = page?.next;
    } while (cursor !== undefined);
    return lines;
  };

  test.each([
    ["a few lines", ["a", "", "ü€"], "\n"],
    ["Windows line ends", ["a", "b"], "\r\n"],
    ["more lines than a page", Array.from({ length: 12_345 }, (_, n) => `line ${n}`), "\n"],
    ["more bytes than a page", Array.from({ length: 3_000 }, (_, n) => `${n}${"€".repeat(400)}`), "\n"],
  ])("%s come back whole and in order, with or without a last line end", async (what, lines, end) => {
    for (const last of [end, ""]) {
      const name = `lists/${what.replace(/ /g, "-")}${last.length}.ndjson`;
      const blobs = await upload(name, lines.join(end) + last);
      expect(await all(blobs, name)).toEqual(lines);
    }
  });

  test("a list that nobody has uploaded is no list", async () => {
    const blobs = await upload("lists/one.ndjson", "a");
    expect(await blobs.readLines("lists/two.ndjson", undefined)).toBeUndefined();
  });
});
