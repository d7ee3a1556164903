import { createIntermediate, createRoot, issueLeaf } from "../../../lab/pki/certificates";
import { nodeCertificateReader as reader } from "../../../shared/adapters/x509/node-certificate-reader";
import type { Sha256Thumbprint } from "../../../shared/domain/ids";
import type { Chain, TrustedAuthority } from "../../../shared/ports/certificates";
import { anOddAuthority } from "../../support/odd-authorities";
import { certificates } from "./openssl-certificates";

const notBefore = new Date(Date.now() - 86_400_000);
const root = createRoot({ commonName: "Root" });
const upper = createIntermediate({ commonName: "Upper", issuer: root });
const lower = createIntermediate({ commonName: "Lower", issuer: upper });
const leaf = issueLeaf({ commonName: "dev-1", issuer: lower });

function read(...pems: readonly string[]): Chain {
  const reading = reader.readChain(pems.join(""));
  if (reading.outcome !== "read") throw new Error(JSON.stringify(reading));
  return reading.chain;
}

interface Certificate {
  readonly certificatePem: string;
}
const known = (...list: readonly Certificate[]): readonly TrustedAuthority[] =>
  list.map(({ certificatePem }, n) => ({ name: `ca-${n}`, certificatePem }));
const sha256 = ({ certificatePem }: Certificate): Sha256Thumbprint => read(certificatePem).leaf.sha256Thumbprint;

describe("what a CA certificate says", () => {
  it("is read: names, key identifiers, path length, key usage", () => {
    const authority = anOddAuthority({ commonName: "Narrow", pathLength: 0, notBefore });
    expect(read(authority.certificatePem).leaf).toMatchObject({
      subject: "CN=Narrow",
      issuer: "CN=Narrow",
      issuerCommonName: "Narrow",
      isAuthority: true,
      pathLength: 0,
      keyUsage: ["keyCertSign", "cRLSign"],
      subjectKeyId: undefined,
      authorityKeyId: undefined,
    });
    const { leaf: facts } = read(upper.certificatePem);
    expect(facts.pathLength).toBeUndefined();
    expect(facts.authorityKeyId).toBe(read(root.certificatePem).leaf.subjectKeyId);
    expect(facts.subjectKeyId).toMatch(/^[0-9A-F]{40}$/);
    expect(facts.issuer).toBe("CN=Root");
  });

  it.each([
    [0x80, ["digitalSignature"]],
    [0xa4, ["digitalSignature", "keyEncipherment", "keyCertSign"]],
    [0x03, ["cRLSign", "encipherOnly"]],
    [0, []],
    [undefined, undefined],
  ])("reads key usage bits %s as %j", (keyUsage, names) => {
    expect(read(anOddAuthority({ commonName: "x", notBefore, keyUsage }).certificatePem).leaf.keyUsage).toEqual(names);
  });

  it("shows whole names in the order of the certificate, and serial numbers as they are", () => {
    expect(read(certificates.oddSubject).leaf).toMatchObject({
      subject: "CN=first, OU=a, CN=fake, SERIALNUMBER=12, CN=Gerät-7",
      serialNumber: "4A7F2F6A81A1CDEB2F6765AF1B38254C6150FC40",
    });
  });
});

describe("a chain leads to", () => {
  it("every CA that stands in it above the leaf", () => {
    const chain = read(leaf.certificatePem, lower.certificatePem, upper.certificatePem);
    expect(chain.chainsTo(sha256(lower), [])).toBe(true);
    expect(chain.chainsTo(sha256(upper), [])).toBe(true);
    expect(chain.chainsTo(sha256(leaf), [])).toBe(false);
  });

  it("the known CA that signed its end, also by way of other known ones", () => {
    const chain = read(leaf.certificatePem, lower.certificatePem);
    expect(chain.chainsTo(sha256(upper), known(upper))).toBe(true);
    expect(chain.chainsTo(sha256(root), known(root, upper))).toBe(true);
    expect(chain.chainsTo(sha256(root), known(root))).toBe(false); // nobody knows what is between
    expect(chain.chainsTo(sha256(root), [])).toBe(false);
  });

  it("no CA of the same name over another key", () => {
    const stranger = createRoot({ commonName: "Root" });
    const chain = read(leaf.certificatePem, lower.certificatePem, upper.certificatePem);
    expect(chain.chainsTo(sha256(stranger), known(stranger, root))).toBe(false);
    expect(chain.chainsTo(sha256(root), known(stranger, root))).toBe(true);
  });

  it("the certificate that was presented, where the same CA was issued twice over one key", () => {
    const first = anOddAuthority({ commonName: "Twice", notBefore });
    const second = anOddAuthority({ commonName: "Twice", notBefore, sameKeyAs: first });
    const below = anOddAuthority({ commonName: "Below", notBefore, issuer: first });
    const shown = read(below.certificatePem, first.certificatePem);
    expect(shown.chainsTo(sha256(first), known(first, second))).toBe(true);
    expect(shown.chainsTo(sha256(second), known(first, second))).toBe(false);
    // Not shown: both have signed it.
    expect(read(below.certificatePem).chainsTo(sha256(second), known(first, second))).toBe(true);
  });

  it("nowhere if it is broken", () => {
    const chain = read(leaf.certificatePem, upper.certificatePem);
    expect(chain.chainsTo(sha256(upper), known(upper, root))).toBe(false);
  });
});

describe("an anchor", () => {
  it("is answered with what its certificate says", () => {
    const chain = read(leaf.certificatePem, lower.certificatePem, upper.certificatePem);
    const anchor = chain.anchoredIn(known(root));
    expect(anchor).toMatchObject({ name: "ca-0", facts: { commonName: "Root", notAfter: root.notAfter.getTime() } });
  });

  it("vouches for an intermediate that is read alone", () => {
    expect(read(upper.certificatePem).anchoredIn(known(root))?.name).toBe("ca-0");
    expect(read(lower.certificatePem).anchoredIn(known(root))).toBeUndefined();
  });
});
