import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import {
  createIntermediate,
  createRoot,
  issueLeaf,
  issueServerCertificate,
  selfSignedLeaf,
} from "../../../lab/pki/certificates";
import { nodeCertificateReader as reader } from "../../../shared/adapters/x509/node-certificate-reader";
import type { Chain } from "../../../shared/ports/certificates";
import { certificates, rsaSignature } from "./openssl-certificates";

const root = createRoot({ commonName: "Test Root" });
const intermediate = createIntermediate({ commonName: "Test Intermediate", issuer: root });
const leaf = issueLeaf({ commonName: "Dev-1", issuer: intermediate });
const stranger = createRoot({ commonName: "Test Root" }); // same name, another key

function read(pem: string): Chain {
  const reading = reader.readChain(pem);
  if (reading.outcome !== "read") throw new Error(JSON.stringify(reading));
  return reading.chain;
}

describe("reading what a certificate says", () => {
  it("reads a device leaf as the lab issued it", () => {
    expect(read(leaf.certificatePem).leaf).toMatchObject({
      sha256Thumbprint: leaf.sha256Thumbprint,
      commonName: "Dev-1",
      notBefore: leaf.notBefore.getTime(),
      notAfter: leaf.notAfter.getTime(),
      publicKey: { kind: "ec", curve: "prime256v1" },
      isAuthority: false,
      extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"],
      signatureHash: "sha256",
    });
  });

  it("tells an authority and a server certificate from a device leaf", () => {
    expect(read(root.certificatePem).leaf).toMatchObject({ isAuthority: true, extendedKeyUsage: undefined });
    const server = issueServerCertificate({ issuer: root, dnsNames: ["localhost"] });
    expect(read(server.certificatePem).leaf.extendedKeyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  });

  it.each([
    [
      "an RSA key and a SHA-1 signature",
      certificates.rsa1024Sha1,
      { publicKey: { kind: "rsa", bits: 1024 }, signatureHash: "sha1" },
    ],
    ["P-384", certificates.p384, { publicKey: { kind: "ec", curve: "secp384r1" }, signatureHash: "sha384" }],
    [
      "Ed25519, which has no hash",
      certificates.ed25519,
      { publicKey: { kind: "other", name: "ed25519" }, signatureHash: undefined },
    ],
    [
      "the hash in RSASSA-PSS parameters",
      certificates.rsaPss,
      { publicKey: { kind: "rsa", bits: 2048 }, signatureHash: "sha256" },
    ],
    [
      "the last common name, not one quoted inside another attribute",
      certificates.oddSubject,
      { commonName: "Gerät-7" },
    ],
    ["a subject without a common name", certificates.noCommonName, { commonName: undefined }],
  ])("reads %s", (_name, pem, facts) => {
    expect(read(pem).leaf).toMatchObject(facts);
  });

  it("sees the same key in two certificates that write its point differently", () => {
    const plain = read(certificates.p384).leaf;
    const compressed = read(certificates.p384Compressed).leaf;
    expect(compressed.sha256Thumbprint).not.toBe(plain.sha256Thumbprint);
    expect(compressed.publicKeySha256).toBe(plain.publicKeySha256);
    expect(read(certificates.oddSubject).leaf.publicKeySha256).not.toBe(plain.publicKeySha256);
  });

  it("hands back the certificates and nothing else of the text", () => {
    const pem = `Bag Attributes\n  friendlyName: x\n${leaf.certificatePem.replaceAll("\n", "\r\n")}\nnoise ${intermediate.certificatePem}`;
    expect(read(pem).pem).toBe(leaf.certificatePem + intermediate.certificatePem);
  });
});

describe("text that cannot be used", () => {
  const base64 = leaf.der.toString("base64");
  const wrap = (body: string): string => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
  it.each([
    ["nothing", ""],
    ["prose", "please roll my device"],
    ["a certificate request", "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----"],
    ["an empty block", wrap("")],
    ["base64 with foreign characters", wrap(`${base64.slice(0, 40)}*${base64.slice(40)}`)],
    ["base64 of something else", wrap(Buffer.from("hello, world").toString("base64"))],
    ["a truncated certificate", wrap(base64.slice(0, 400))],
    ["bytes after the certificate", wrap(Buffer.concat([leaf.der, Buffer.from([0, 0])]).toString("base64"))],
    ["a block that is never closed", `-----BEGIN CERTIFICATE-----\n${base64}\n`],
    ["a good certificate before a bad one", leaf.certificatePem + wrap("AAAA")],
    ["seventeen certificates", leaf.certificatePem.repeat(17)],
  ])("answers unreadable for %s", (_name, text) => {
    expect(reader.readChain(text)).toMatchObject({ outcome: "unreadable" });
  });

  it("never repeats the text in its answer", () => {
    const reading = reader.readChain("my secret password 4711");
    expect(JSON.stringify(reading)).not.toContain("4711");
  });
});

describe("private keys in the text", () => {
  const key = leaf.privateKeyPem;
  const sec1 = createPrivateKey(key).export({ type: "sec1", format: "pem" }).toString();
  const pkcs1 = generateKeyPairSync("rsa", { modulusLength: 2_048 })
    .privateKey.export({ type: "pkcs1", format: "pem" })
    .toString();
  const encrypted = createPrivateKey(key)
    .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
    .toString();
  it.each([
    ["before the certificate", key + leaf.certificatePem],
    ["after the certificate", leaf.certificatePem + key],
    ["in SEC 1 form", leaf.certificatePem + sec1],
    ["encrypted", leaf.certificatePem + encrypted],
    [
      "for OpenSSH",
      `${leaf.certificatePem}-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----`,
    ],
    ["in lower case", leaf.certificatePem + key.toLowerCase()],
    ["with blanks and tabs in the label", leaf.certificatePem + key.replaceAll("PRIVATE KEY", "\tPRIVATE   KEY ")],
    ["with a line break in the label", leaf.certificatePem + key.replaceAll("PRIVATE KEY", "PRIVATE\nKEY")],
    ["with line breaks written as \\n", JSON.stringify(leaf.certificatePem + key)],
    ["with dashes a word processor made", leaf.certificatePem + key.replaceAll("-----", "—–—")],
    ["with an invisible character in the label", leaf.certificatePem + key.replaceAll("PRIVATE", "PRI\u200bVATE")],
    ["cut off after its first line", `${leaf.certificatePem}-----BEGIN EC PRIVATE KEY-----`],
    ["cut off before its last line", `${leaf.certificatePem}MHcCAQEE\n-----END EC PRIVATE KEY-----`],
    ["labelled as a certificate", key.replaceAll("PRIVATE KEY", "CERTIFICATE")],
    ["in SEC 1 form, labelled as a certificate", sec1.replaceAll("EC PRIVATE KEY", "CERTIFICATE")],
    ["in PKCS #1 form, labelled as a certificate", pkcs1.replaceAll("RSA PRIVATE KEY", "CERTIFICATE")],
  ])("are noticed %s", (_name, text) => {
    expect(reader.readChain(text)).toEqual({ outcome: "private-key" });
  });
});

describe("links of a chain", () => {
  const [signedByLeaf, plainLeaf] = [certificates.signedByLeaf, certificates.noCommonName].map((certificatePem) => ({
    certificatePem,
  }));
  const impostor = createIntermediate({ commonName: "Test Intermediate", issuer: root });
  it.each([
    ["leaf and its intermediate", [leaf, intermediate], true],
    ["leaf, intermediate, root", [leaf, intermediate, root], true],
    ["a leaf alone", [leaf], true],
    ["a missing link", [leaf, root], false],
    ["the wrong order", [intermediate, leaf], false],
    ["an issuer of the right name with another key", [leaf, impostor], false],
    ["a device that signs for another device", [signedByLeaf!, plainLeaf!], false],
  ])("%s: %#", (_name, list, linked) => {
    expect(read(list.map(({ certificatePem }) => certificatePem).join("")).linked).toBe(linked);
  });

  it("knows a leaf that vouches for itself", () => {
    expect(read(selfSignedLeaf({ commonName: "Dev-1" }).certificatePem).selfSigned).toBe(true);
    expect(read(leaf.certificatePem).selfSigned).toBe(false);
    // Same subject and issuer, but signed by another key.
    expect(read(issueLeaf({ commonName: "Test Root", issuer: root }).certificatePem).selfSigned).toBe(false);
  });
});

describe("anchors of a chain", () => {
  const trust = (name: string, certificate: { certificatePem: string }) => ({
    name,
    certificatePem: certificate.certificatePem,
  });
  const chain = (...list: { certificatePem: string }[]) => read(list.map((c) => c.certificatePem).join(""));

  it("is the authority that signed the last certificate", () => {
    expect(chain(leaf, intermediate).anchoredIn([trust("other", stranger), trust("root", root)])?.name).toBe("root");
    expect(chain(leaf).anchoredIn([trust("root", root), trust("sub", intermediate)])?.name).toBe("sub");
  });

  it("is an authority that stands in the chain", () => {
    expect(chain(leaf, intermediate, root).anchoredIn([trust("root", root)])?.name).toBe("root");
    expect(chain(leaf, intermediate).anchoredIn([trust("sub", intermediate)])?.name).toBe("sub");
  });

  it.each([
    ["there are no authorities", [leaf, intermediate], []],
    ["an authority only has the same name", [leaf, intermediate], [trust("impostor", stranger)]],
    ["a certificate is missing in between", [leaf], [trust("root", root)]],
    [
      "the authority is merely appended to an unrelated leaf",
      [selfSignedLeaf({ commonName: "Dev-1" }), root],
      [trust("root", root)],
    ],
    ["the authority's PEM is broken", [leaf, intermediate], [{ name: "broken", certificatePem: "x" }]],
    [
      "the trusted certificate is no authority",
      [{ certificatePem: certificates.signedByLeaf }],
      [trust("leaf", { certificatePem: certificates.noCommonName })],
    ],
  ])("is none when %s", (_name, list, authorities) => {
    expect(chain(...list).anchoredIn(authorities)).toBeUndefined();
  });
});

describe("signatures over text", () => {
  const text = "roll|a1|nonce|Gerät";
  const signature = sign("sha256", Buffer.from(text, "utf8"), leaf.privateKeyPem).toString("base64");
  const other = issueLeaf({ commonName: "Dev-1", issuer: intermediate });

  it("accepts the leaf's own, with ECDSA and RSA", () => {
    expect(reader.verifySignature(leaf.chainPem, text, signature)).toBe(true);
    expect(reader.verifySignature(certificates.rsaPss, "roll|a1|nonce|dev", rsaSignature)).toBe(true);
  });

  it.each([
    ["another text", leaf.chainPem, "roll|a2|nonce|Gerät", signature],
    ["another key", other.chainPem, text, signature],
    ["the leaf not being first", intermediate.certificatePem + leaf.certificatePem, text, signature],
    ["an empty signature", leaf.chainPem, text, ""],
    ["base64 with junk around it", leaf.chainPem, text, ` ${signature}\n`],
    ["hex instead of base64", leaf.chainPem, text, Buffer.from(signature, "base64").toString("hex")],
    ["no certificate", "", text, signature],
    ["a private key beside the certificate", leaf.chainPem + leaf.privateKeyPem, text, signature],
    ["a key that cannot sign with SHA-256", certificates.ed25519, text, signature],
    ["an RSA signature checked by an EC key", leaf.chainPem, "roll|a1|nonce|dev", rsaSignature],
  ])("are refused for %s", (_name, pem, signed, value) => {
    expect(reader.verifySignature(pem, signed, value)).toBe(false);
  });
});
