import { constants, createHash, privateEncrypt, X509Certificate, type KeyObject } from "node:crypto";
import { createIntermediate, issueLeaf } from "../../../lab/pki/certificates";
import { authoritySigner } from "../../../shared/adapters/issuers/authority-signer";
import { fileAuthority } from "../../../shared/adapters/issuers/file-authority";
import type { VaultKey } from "../../../shared/adapters/issuers/key-vault";
import { vaultAuthority } from "../../../shared/adapters/issuers/vault-authority";
import { t0 } from "../../support/builders";
import { anOddAuthority } from "../../support/odd-authorities";
import { signDigest } from "../../support/raw-ecdsa";
import { aDeviceKey } from "../../support/requests";
import { anIssuerOf, chainOf, intermediate, orderOf, root } from "./issuing";

const DAY = 86_400_000;
const notBefore = new Date(t0 - DAY);
const csr = aDeviceKey().request("pump-1");
const SHA256_INFO = Buffer.from("3031300d060960864801650304020105000420", "hex");

/** Key Vault's sign call over a key of this process: it gets digests only, and ECDSA answers r and s side by side. */
function aVault(key: KeyObject) {
  const calls: { algorithm: string; bytes: number }[] = [];
  const vault: VaultKey = {
    sign(algorithm, digest) {
      calls.push({ algorithm, bytes: digest.length });
      if (algorithm !== "RS256") return Promise.resolve(signDigest(key, digest));
      const padded = { key, padding: constants.RSA_PKCS1_PADDING };
      return Promise.resolve(privateEncrypt(padded, Buffer.concat([SHA256_INFO, digest])));
    },
  };
  return { vault, calls };
}

describe("a CA whose key stays in a vault", () => {
  it.each([
    ["P-256", "ES256", 32, "sha256"],
    ["P-384", "ES384", 48, "sha384"],
    ["RSA", "RS256", 32, "sha256"],
  ] as const)("over %s signs by %s a digest of %i bytes", async (kind, algorithm, bytes, hash) => {
    const authority = anOddAuthority({ commonName: "Vault CA", kind, notBefore });
    const { vault, calls } = aVault(authority.key);
    const signer = authoritySigner(vaultAuthority(authority.certificatePem, vault));
    // Many times over: r and s lose or gain octets by chance when they become integers.
    for (let n = 0; n < 20; n += 1) {
      const issuance = await anIssuerOf({ signer }).issuer.issue(orderOf(csr));
      const chain = chainOf(issuance);
      expect(chain.x509.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true);
      expect(chain.x509.checkIssued(new X509Certificate(authority.certificatePem))).toBe(true);
      expect(chain.leaf.signatureHash).toBe(hash);
      expect(issuance).toMatchObject({ warnings: [] });
    }
    expect(calls).toHaveLength(20);
    expect(new Set(calls.map((call) => JSON.stringify(call)))).toEqual(new Set([JSON.stringify({ algorithm, bytes })]));
  });

  it("gives nothing away when the vault signs with another key than the certificate's", async () => {
    const other = anOddAuthority({ commonName: "Other", notBefore });
    const signer = authoritySigner(vaultAuthority(intermediate.certificatePem, aVault(other.key).vault));
    const { issuer, store } = anIssuerOf({ signer });
    await expect(issuer.issue(orderOf(csr))).rejects.toMatchObject({
      code: "service-answer-unreadable",
      retryable: false,
    });
    expect(await store.kept(orderOf(csr).rollId, orderOf(csr).registrationId)).toBeUndefined();
  });

  it("hashes what it signs by itself: the vault never sees the certificate", async () => {
    const digests: Buffer[] = [];
    const { vault } = aVault(intermediate.signingKey);
    const watching: VaultKey = {
      sign: (algorithm, digest) => {
        digests.push(Buffer.from(digest));
        return vault.sign(algorithm, digest);
      },
    };
    const signer = authoritySigner(vaultAuthority(intermediate.certificatePem, watching));
    const { x509 } = chainOf(await anIssuerOf({ signer }).issuer.issue(orderOf(csr)));
    // TBSCertificate is the first value inside the certificate: both have long lengths of two octets here.
    const length = x509.raw.readUInt16BE(6);
    const bytes = x509.raw.subarray(4, 8 + length);
    expect(digests).toEqual([createHash("sha256").update(bytes).digest()]);
  });
});

describe("a CA's files", () => {
  const key = intermediate.privateKeyPem;
  const leaf = issueLeaf({ commonName: "pump-1", issuer: intermediate });
  const noSigner = anOddAuthority({ commonName: "No signer", notBefore, keyUsage: 0x02 });
  it.each<[string, { certificates: string; privateKey: string }, RegExp]>([
    ["no certificate", { certificates: "", privateKey: key }, /no readable certificate/],
    ["a private key among the certificates", { certificates: key, privateKey: key }, /no readable certificate/],
    ["a leaf first", { certificates: leaf.chainPem, privateKey: leaf.privateKeyPem }, /put the CA first/],
    [
      "a CA that may not sign certificates",
      { certificates: noSigner.certificatePem, privateKey: noSigner.privateKeyPem },
      /may sign others/,
    ],
    ["no key", { certificates: intermediate.certificatePem, privateKey: "" }, /no readable private key/],
    [
      "another CA's key",
      { certificates: intermediate.certificatePem, privateKey: root.privateKeyPem },
      /does not belong to the first certificate/,
    ],
  ])("are refused with a hint if they hold %s", (_what, files, hint) => {
    expect(() => fileAuthority(files)).toThrow(hint);
    expect(() => fileAuthority(files)).toThrow(RangeError);
  });

  it("sign without a key usage extension too, and present all but the root", async () => {
    const bare = anOddAuthority({ commonName: "Bare", notBefore, keyUsage: undefined });
    const files = { certificates: bare.certificatePem, privateKey: bare.privateKeyPem };
    const chain = chainOf(
      await anIssuerOf({ signer: authoritySigner(fileAuthority(files)) }).issuer.issue(orderOf(csr)),
    );
    expect(chain.issuers).toEqual([]);
    expect(chain.leaf.issuer).toBe("CN=Bare");
    const lower = createIntermediate({ commonName: "Lower", issuer: intermediate, notBefore });
    const three = {
      certificates: lower.certificatePem + intermediate.certificatePem + root.certificatePem,
      privateKey: lower.privateKeyPem,
    };
    const long = chainOf(
      await anIssuerOf({ signer: authoritySigner(fileAuthority(three)) }).issuer.issue(orderOf(csr)),
    );
    expect(long.issuers.map(({ commonName }) => commonName)).toEqual(["Lower", "Issuing CA"]);
    expect(long.linked).toBe(true);
  });
});
