import { createIntermediate, createRoot, issueLeaf } from "../../../lab/pki/certificates";
import { BlobReplacementSource } from "../../../shared/adapters/store/replacement-source";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { RegistrationId } from "../../../shared/domain/ids";
import type { ReplacementSource, WantedReplacement } from "../../../shared/ports/replacements";
import { azuriteForThisFile } from "../../support/azurite";
import { otherRollId, rollId } from "../../support/builders";
import { MemoryReplacementSource } from "../../support/memory-issuance";

const storage = azuriteForThisFile();
const root = createRoot({ commonName: "Factory Root" });
const intermediate = createIntermediate({ commonName: "Factory CA", issuer: root });
const id = RegistrationId.parse("line:7_pump.1-a");
const leaf = issueLeaf({ commonName: id, issuer: intermediate });
const next = issueLeaf({ commonName: id, issuer: intermediate });

interface Harness {
  readonly source: ReplacementSource;
  /** What a factory does. */
  readonly fill: (id: RegistrationId, text: string) => Promise<void>;
}

const inMemory = (): Harness => {
  const source = new MemoryReplacementSource(nodeCertificateReader);
  const fill = (of: RegistrationId, text: string): Promise<void> => {
    source.blobs.set(of, text);
    return Promise.resolve();
  };
  return { source, fill };
};

let containers = 0;
const onBlobs = (): Harness => {
  const clients = storage.open();
  const container = `factory-${(containers += 1)}`;
  const fill = async (of: RegistrationId, text: string): Promise<void> => {
    const blobName = `${of.replaceAll("/", "=2F")}.pem`;
    await (await clients.container(container)).uploadBlockBlob(blobName, text, Buffer.byteLength(text));
  };
  return { source: new BlobReplacementSource(clients, container, nodeCertificateReader), fill };
};

const fromBlob: WantedReplacement = { registrationId: id, replacement: { kind: "none" }, source: "blob" };

describe.each([
  ["in memory", inMemory],
  ["in blobs", onBlobs],
])("replacements %s", (_where, make) => {
  test("that came with the request go before the roll's source", async () => {
    const { source, fill } = make();
    await fill(id, leaf.chainPem);
    const given = { kind: "inline", chainPem: next.chainPem } as const;
    expect(await source.find(rollId, { ...fromBlob, replacement: given })).toEqual(given);
    const discarded = { kind: "discarded", code: "private-key-in-input" } as const;
    expect(await source.find(rollId, { ...fromBlob, replacement: discarded })).toEqual(discarded);
  });

  test.each(["inline", "csr", "device-managed", "none", undefined] as const)(
    "are not looked for in the container of a roll whose source is %s",
    async (kind) => {
      const { source, fill } = make();
      await fill(id, leaf.chainPem);
      expect(await source.find(rollId, { ...fromBlob, source: kind })).toEqual({ kind: "none" });
    },
  );

  test("are found under the registration id, without what stands around them", async () => {
    const { source, fill } = make();
    await fill(id, `Bag Attributes\n${leaf.chainPem}`);
    expect(await source.find(rollId, fromBlob)).toEqual({ kind: "blob", chainPem: leaf.chainPem });
    const other = RegistrationId.parse("pump-2");
    expect(await source.find(rollId, { ...fromBlob, registrationId: other })).toEqual({ kind: "none" });
  });

  test("that hold a private key are discarded, and their text is nowhere in the answer", async () => {
    const { source, fill } = make();
    await fill(id, leaf.chainPem + leaf.privateKeyPem);
    expect(await source.find(rollId, fromBlob)).toEqual({ kind: "discarded", code: "private-key-in-input" });
  });

  test.each([
    ["prose", "see attachment"],
    ["nothing", ""],
    ["far too much", `${leaf.chainPem}${" ".repeat(70_000)}`],
  ])("that are %s are discarded as unreadable", async (_what, text) => {
    const { source, fill } = make();
    await fill(id, text);
    expect(await source.find(rollId, fromBlob)).toEqual({ kind: "discarded", code: "certificate-unreadable" });
  });

  test("may be corrected until one is kept; from then on the roll keeps to it", async () => {
    const { source, fill } = make();
    await fill(id, "oops");
    expect(await source.find(rollId, fromBlob)).toMatchObject({ kind: "discarded" });
    await fill(id, leaf.chainPem);
    expect(await source.find(rollId, fromBlob)).toEqual({ kind: "blob", chainPem: leaf.chainPem });
    expect(await source.keep(rollId, id, leaf.chainPem)).toBe(leaf.chainPem);
    await fill(id, next.chainPem);
    expect(await source.find(rollId, fromBlob)).toEqual({ kind: "blob", chainPem: leaf.chainPem });
    expect(await source.keep(rollId, id, next.chainPem)).toBe(leaf.chainPem);
    expect(await source.kept(rollId, id)).toBe(leaf.chainPem);
    expect(await source.find(otherRollId, fromBlob)).toEqual({ kind: "blob", chainPem: next.chainPem });
  });
});
