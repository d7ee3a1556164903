import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  createIntermediate,
  createRoot,
  generateKeyPair,
  issueLeaf,
  issueServerCertificate,
  selfSignedLeaf,
} from "../../../lab/pki/certificates";

const root = createRoot({ commonName: "Lab Root" });
const intermediate = createIntermediate({ commonName: "Lab Intermediate", issuer: root });

describe("the lab's certificates", () => {
  test("a leaf is signed by its intermediate and that by its root", () => {
    const leaf = new X509Certificate(issueLeaf({ commonName: "dev-001", issuer: intermediate }).der);
    const [issuer, anchor] = [new X509Certificate(intermediate.der), new X509Certificate(root.der)];
    expect(leaf.checkIssued(issuer)).toBe(true);
    expect(leaf.verify(issuer.publicKey)).toBe(true);
    expect(issuer.checkIssued(anchor)).toBe(true);
    expect(issuer.verify(anchor.publicKey)).toBe(true);
    expect(leaf.verify(anchor.publicKey)).toBe(false);
    expect([leaf.ca, issuer.ca, anchor.ca]).toEqual([false, true, true]);
    expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
  });

  test("what is said about a certificate is what the certificate says", () => {
    const notBefore = new Date("2026-01-01T00:00:00Z");
    const notAfter = new Date("2051-01-01T00:00:00Z");
    const made = issueLeaf({ commonName: "dev-ö", issuer: root, notBefore, notAfter });
    const read = new X509Certificate(made.certificatePem);
    expect(read.subject).toBe("CN=dev-ö");
    expect(read.fingerprint256.replaceAll(":", "")).toBe(made.sha256Thumbprint);
    expect(read.fingerprint.replaceAll(":", "")).toBe(made.sha1Thumbprint);
    expect(new Date(read.validFrom)).toEqual(notBefore);
    expect(new Date(read.validTo)).toEqual(notAfter);
    expect(read.checkPrivateKey(createPrivateKey(made.privateKeyPem))).toBe(true);
    expect(read.serialNumber).toHaveLength(32);
  });

  test("a chain is what a device presents: the leaf and its intermediates, not the root", () => {
    expect(root.chainPem).toBe("");
    expect(issueLeaf({ commonName: "d", issuer: root }).chainPem.match(/BEGIN/g)).toHaveLength(1);
    const leaf = issueLeaf({ commonName: "d", issuer: intermediate });
    expect(leaf.chainPem).toBe(leaf.certificatePem + intermediate.certificatePem);
  });

  test("a self-signed leaf verifies with its own key and is no authority", () => {
    const keyPair = generateKeyPair();
    const leaf = new X509Certificate(selfSignedLeaf({ commonName: "dev-001", keyPair }).der);
    expect(leaf.verify(leaf.publicKey)).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.publicKey.export({ type: "spki", format: "der" })).toEqual(keyPair.spkiDer);
  });

  test("a server certificate names its hosts and addresses", () => {
    const made = issueServerCertificate({
      issuer: root,
      dnsNames: ["localhost", "*.x.net"],
      ipAddresses: ["127.0.0.1"],
    });
    const read = new X509Certificate(made.der);
    expect(read.subjectAltName).toBe("DNS:localhost, DNS:*.x.net, IP Address:127.0.0.1");
    expect(read.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  });

  test("without dates a leaf is valid since five minutes ago and for ninety days", () => {
    const leaf = issueLeaf({ commonName: "d", issuer: root });
    const days = (leaf.notAfter.getTime() - leaf.notBefore.getTime()) / 86_400_000;
    expect(days).toBeCloseTo(90, 1);
    expect(leaf.notBefore.getTime()).toBeLessThan(Date.now() - 4 * 60_000);
  });
});

test("an intermediate ends no later than its issuer, unless it is told to", () => {
  const root = createRoot({ commonName: "Root", notAfter: new Date(Date.now() + 86_400_000) });
  const later = new Date(root.notAfter.getTime() + 86_400_000);
  expect(createIntermediate({ commonName: "Below", issuer: root }).notAfter).toEqual(root.notAfter);
  expect(createIntermediate({ commonName: "Odd", issuer: root, notAfter: later }).notAfter).toEqual(later);
});
