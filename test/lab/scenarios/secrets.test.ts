import { TableClient } from "@azure/data-tables";
import { BlobServiceClient } from "@azure/storage-blob";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKeyPair } from "../../../lab/pki/certificates";
import { connectionStringNeedle, privateKeyNeedle, searchForSecrets } from "../../../lab/scenarios/secrets";
import { startAzurite } from "../../../lab/storage/azurite";
import type { Azurite } from "../../../lab/storage/azurite";

const { privateKeyPem } = generateKeyPair();
const body = privateKeyPem.replace(/-----[^-]+-----|\s/g, "");
const accessKey = "c29tZSBhY2Nlc3Mga2V5IG9mIGEgaHVi";
const needles = [
  privateKeyNeedle("The private key of pump-001", privateKeyPem),
  connectionStringNeedle("The access key", `HostName=h;SharedAccessKeyName=owner;SharedAccessKey=${accessKey}`),
];

let azurite: Azurite;
let folder: string;
beforeAll(async () => {
  azurite = await startAzurite();
  folder = await mkdtemp(join(tmpdir(), "secrets-"));
});
afterAll(async () => {
  await azurite.stop();
  await rm(folder, { recursive: true, force: true });
});

const search = (more: { files?: string[]; texts?: Map<string, string> } = {}) =>
  searchForSecrets({
    storageConnectionString: azurite.connectionString,
    files: more.files ?? [],
    texts: more.texts ?? new Map(),
    needles,
  });

test("a clean lab has no leaks, and says how much was searched", async () => {
  expect(await search({ texts: new Map([["the log", "all is well"]]) })).toEqual({ leaks: [], placesSearched: 1 });
});

test("a key is found in a log, with its lines broken or not", async () => {
  for (const text of [privateKeyPem, body, JSON.stringify({ key: privateKeyPem }), body.slice(60)]) {
    const { leaks } = await search({ texts: new Map([["the log", text]]) });
    expect(leaks).toContain("The private key of pump-001 stands in the log.");
  }
});

test("a key is found wherever in a text it begins", async () => {
  const texts = new Map(Array.from({ length: 9 }, (_, at) => [`${at}`, `${"-".repeat(at)}${accessKey}`]));
  const { leaks } = await search({ texts });
  expect(leaks).toEqual([...texts.keys()].map((name) => `The access key stands in ${name}.`));
});

test("any private key is found by its first line, known or not", async () => {
  const { leaks } = await search({ texts: new Map([["the log", "-----BEGIN EC PRIVATE KEY-----"]]) });
  expect(leaks).toEqual(["A private key stands in the log."]);
});

test("secrets are found in tables, blobs and files", async () => {
  const table = TableClient.fromConnectionString(azurite.connectionString, "leaky", { allowInsecureConnection: true });
  await table.createTable();
  await table.createEntity({ partitionKey: "p", rowKey: "text", value: `x${accessKey}x` });
  await table.createEntity({ partitionKey: "p", rowKey: "bytes", value: Buffer.from(body) });
  const blobs = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient("leaky");
  await blobs.create();
  await blobs.getBlockBlobClient("b").upload(accessKey, accessKey.length);
  const file = join(folder, "store.db");
  await writeFile(file, Buffer.concat([Buffer.from([0, 255, 1]), Buffer.from(accessKey), Buffer.from([254])]));

  const { leaks } = await search({ files: [file, join(folder, "not-there.db")] });
  expect(leaks.sort()).toEqual([
    `The access key stands in ${file}.`,
    "The access key stands in blob leaky/b.",
    "The access key stands in table leaky.",
    "The private key of pump-001 stands in table leaky.",
  ]);
});
