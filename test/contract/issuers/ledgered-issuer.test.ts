import { lintReplacement } from "../../../shared/domain/certificate/lint-replacement";
import { addMs } from "../../../shared/domain/instant";
import { RollError } from "../../../shared/domain/roll-error";
import type { LeafSigner } from "../../../shared/adapters/issuers/leaf-signer";
import type { IssuanceStore } from "../../../shared/ports/issuers";
import { aContext, otherRollId, t0 } from "../../support/builders";
import { MemoryIssuanceStore } from "../../support/memory-issuance";
import { aDeviceKey, requestPem } from "../../support/requests";
import { anIssuerOf, chainOf, fileSigner, id, intermediate, orderOf, root } from "./issuing";

const DAY = 86_400_000;
const device = aDeviceKey();
const csr = device.request("Pump-1");

describe("an issued leaf", () => {
  it("is what the profile says over the device's key, and passes the lint", async () => {
    const { issuer } = anIssuerOf();
    const profile = { ...orderOf(csr).profile, organization: "Contoso", uriPrefix: "urn:contoso:device:" };
    const chain = chainOf(await issuer.issue(orderOf(csr, { profile })));
    expect(chain.leaf).toMatchObject({
      subject: "O=Contoso, CN=pump-1",
      issuer: "CN=Issuing CA",
      commonName: "pump-1",
      notBefore: addMs(t0, -600_000),
      notAfter: addMs(t0, 90 * DAY),
      isAuthority: false,
      keyUsage: ["digitalSignature"],
      extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"],
    });
    expect(chain.leaf.authorityKeyId).toBe(chain.issuers[0]?.subjectKeyId);
    expect(chain.x509.publicKey.export({ type: "spki", format: "der" })).toEqual(device.spkiDer);
    expect(chain.x509.subjectAltName).toBe("URI:urn:contoso:device:pump-1");
    expect(chain.pem.split("-----END").length - 1).toBe(2); // the root is not presented
    const anchor = chain.anchoredIn([{ name: "root", certificatePem: root.certificatePem }]);
    const { refusal } = lintReplacement({ ...chain, anchor }, aContext());
    expect(refusal).toBeUndefined();
  });

  it("asks nothing of the request but its key: who asks to be a CA is none", async () => {
    const { issuer } = anIssuerOf();
    const { leaf } = chainOf(await issuer.issue(orderOf(device.request("pump-1", { asCa: true }))));
    expect(leaf.isAuthority).toBe(false);
  });

  it("ends with the CA that ends first, and never begins before it", async () => {
    const { issuer } = anIssuerOf();
    const profile = { ...orderOf(csr).profile, validityHours: 50_000, backdateMinutes: 1_440 };
    const chain = chainOf(await issuer.issue(orderOf(csr, { profile })));
    expect(chain.leaf.notAfter).toBe(intermediate.notAfter.getTime());
    expect(chain.leaf.notBefore).toBe(intermediate.notBefore.getTime());
  });

  it("has a serial number of its own, positive and of 126 random bits", async () => {
    const serials = new Set<string>();
    for (let n = 0; n < 40; n += 1) {
      const { leaf } = chainOf(await anIssuerOf().issuer.issue(orderOf(csr)));
      expect(leaf.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
      serials.add(leaf.serialNumber);
    }
    expect(serials.size).toBe(40);
  });

  it("of an RSA key may be used for key exchange too", async () => {
    const rsa = aDeviceKey("RSA-2048");
    const { leaf } = chainOf(await anIssuerOf().issuer.issue(orderOf(rsa.request("pump-1"))));
    expect(leaf.keyUsage).toEqual(["digitalSignature", "keyEncipherment"]);
  });

  it("from CA files is warned of", async () => {
    expect(await anIssuerOf().issuer.issue(orderOf(csr))).toMatchObject({ warnings: ["test-ca"] });
  });
});

describe("a request is refused", () => {
  const other = aDeviceKey();
  const der = Buffer.from(csr.replace(/-----[^-]+-----|\s/g, ""), "base64");
  it.each<[string, string, string]>([
    ["request-unreadable", "that is empty", ""],
    ["request-unreadable", "that is a certificate", root.certificatePem],
    ["request-unreadable", "that comes twice", csr + csr],
    ["request-unreadable", "that is cut off", requestPem(der.subarray(0, 100))],
    ["request-unreadable", "with bytes after it", requestPem(Buffer.concat([der, Buffer.from([5, 0])]))],
    ["private-key-in-input", "that comes with a key", csr + device.privateKeyPem],
    ["request-signature-invalid", "signed by another key", device.request("pump-1", { signedBy: other })],
    ["request-signature-invalid", "signed with SHA-1", device.request("pump-1", { hash: "sha1" })],
    ["request-name-differs", "of another name", device.request("pump-2")],
    ["weak-key", "for a short RSA key", aDeviceKey("RSA-1024").request("pump-1")],
  ])("as %s %s", async (code, _why, csrPem) => {
    const { issuer, store } = anIssuerOf();
    expect(await issuer.issue(orderOf(csrPem))).toMatchObject({ outcome: "refused", refusal: { code } });
    expect(await store.intended(orderOf("").rollId, id)).toBeUndefined();
  });

  it("as issuer-expired once a CA above it has ended", async () => {
    const { issuer } = anIssuerOf({ now: addMs(t0, 1_000 * DAY) });
    expect(await issuer.issue(orderOf(csr))).toMatchObject({ refusal: { code: "issuer-expired" } });
  });

  it("as request-key-changed if it asks for another key in the same roll, but not in another", async () => {
    const { issuer } = anIssuerOf();
    await issuer.issue(orderOf(csr));
    const changed = orderOf(aDeviceKey().request("pump-1"));
    expect(await issuer.issue(changed)).toMatchObject({ refusal: { code: "request-key-changed" } });
    expect(await issuer.issue({ ...changed, rollId: otherRollId })).toMatchObject({ outcome: "issued" });
  });
});

describe("what an authority gives otherwise than asked is refused", () => {
  const signing = (signed: () => Promise<string>): LeafSigner => ({
    ...fileSigner,
    sign: async () => ({ outcome: "signed", chainPem: await signed() }),
  });
  it.each<[string, () => Promise<string>]>([
    ["another key", async () => chainOf(await anIssuerOf().issuer.issue(orderOf(aDeviceKey().request("pump-1")))).pem],
    ["a CA", () => Promise.resolve(intermediate.certificatePem)],
  ])("%s", async (_what, signed) => {
    const { issuer, store } = anIssuerOf({ signer: signing(signed) });
    expect(await issuer.issue(orderOf(csr))).toMatchObject({ refusal: { code: "issued-otherwise" } });
    expect(await store.kept(orderOf(csr).rollId, id)).toBeUndefined();
  });
});

/** A store that is cut off before the call of this number, once. */
function killedAt(call: number): IssuanceStore & { readonly inner: MemoryIssuanceStore } {
  const inner = new MemoryIssuanceStore();
  let calls = 0;
  const guard = <A extends unknown[], R>(run: (...args: A) => Promise<R>) => {
    return (...args: A): Promise<R> => {
      calls += 1;
      return calls === call ? Promise.reject(new Error("killed")) : run(...args);
    };
  };
  return {
    inner,
    intended: guard((...args) => inner.intended(...args)),
    intend: guard((...args) => inner.intend(...args)),
    keep: guard((...args) => inner.keep(...args)),
    kept: guard((...args) => inner.kept(...args)),
    record: guard((...args) => inner.record(...args)),
    listIssued: (...args) => inner.listIssued(...args),
  };
}

describe("at most one certificate per roll and device leaves the issuer", () => {
  const ledger = async (store: IssuanceStore) => (await store.listIssued({ since: t0, limit: 10 })).issued;

  it("gives the same one again", async () => {
    const { issuer, store } = anIssuerOf();
    const first = await issuer.issue(orderOf(csr));
    expect(await issuer.issue(orderOf(csr))).toEqual(first);
    expect(await ledger(store)).toHaveLength(1);
  });

  it("gives the same one again also when the CA has ended since", async () => {
    const { issuer, store } = anIssuerOf();
    const first = await issuer.issue(orderOf(csr));
    const later = anIssuerOf({ store, now: addMs(t0, 1_001 * DAY) });
    expect(await later.issuer.issue(orderOf(csr))).toEqual(first);
  });

  it("gives the same one to all who ask at once", async () => {
    const { issuer, store } = anIssuerOf();
    const answers = await Promise.all(Array.from({ length: 8 }, () => issuer.issue(orderOf(csr))));
    expect(new Set(answers.map((answer) => chainOf(answer).pem)).size).toBe(1);
    expect(await ledger(store)).toHaveLength(1);
  });

  it.each([1, 2, 3, 4])("also if it is killed before its storage call %i", async (call) => {
    const store = killedAt(call);
    const { issuer } = anIssuerOf({ store });
    await expect(issuer.issue(orderOf(csr))).rejects.toThrow("killed");
    const intended = await store.inner.intended(orderOf(csr).rollId, id);
    const kept = await store.inner.kept(orderOf(csr).rollId, id);
    const chain = chainOf(await issuer.issue(orderOf(csr)));
    if (intended !== undefined) expect(chain.leaf.serialNumber).toBe(intended.serialNumber);
    if (kept !== undefined) expect(chain.pem).toBe(kept);
    expect(await ledger(store)).toEqual([
      expect.objectContaining({ sha256Thumbprint: chain.leaf.sha256Thumbprint, registrationId: id, at: t0 }),
    ]);
  });

  it("is recorded before it is signed, with its serial number", async () => {
    const store = new MemoryIssuanceStore();
    const seen: (string | undefined)[] = [];
    const watching: LeafSigner = {
      ...fileSigner,
      async sign(leaf) {
        seen.push((await store.intended(orderOf(csr).rollId, id))?.serialNumber);
        return fileSigner.sign(leaf);
      },
    };
    const { leaf } = chainOf(await anIssuerOf({ signer: watching, store }).issuer.issue(orderOf(csr)));
    expect(seen).toEqual([leaf.serialNumber]);
  });

  it("is signed with what was recorded, however late the signer answers", async () => {
    const store = new MemoryIssuanceStore();
    const down: LeafSigner = {
      ...fileSigner,
      sign: () => Promise.reject(new RollError("service-unavailable", "away", true)),
    };
    await expect(anIssuerOf({ store, signer: down }).issuer.issue(orderOf(csr))).rejects.toMatchObject({
      retryable: true,
    });
    const { leaf } = chainOf(await anIssuerOf({ store, now: addMs(t0, 10 * DAY) }).issuer.issue(orderOf(csr)));
    expect(leaf.notAfter).toBe(addMs(t0, 90 * DAY));
  });
});
