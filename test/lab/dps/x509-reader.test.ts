import { X509Certificate } from "node:crypto";
import { readCertificate, readCertificateText } from "../../../lab/dps/certificate-info";
import { readX509 } from "../../../lab/dps/x509-reader";
import { issueLeaf, selfSignedLeaf } from "../../../lab/pki/certificates";
import { deviceAuthorities } from "../../support/lab-dps-pki";

const { root, intermediate } = deviceAuthorities("Reader");

/** Made with OpenSSL: version 1, RSA, a name of several parts, among them a comma, an umlaut and two common names. */
const foreign = `-----BEGIN CERTIFICATE-----
MIICeDCCAeECFHALGa/oUvOM7/8v4EkxBbBhg/+/MA0GCSqGSIb3DQEBCwUAMHox
CzAJBgNVBAYTAkRFMRswGQYDVQQIDBJCYWRlbi1Xw7xydHRlbWJlcmcxEzARBgNV
BAoMCkFjbWUsIEluYy4xDTALBgNVBAMMBGxpbmUxDjAMBgNVBAMMBWRldi05MRow
GAYJKoZIhvcNAQkBFgthQGIuZXhhbXBsZTAgFw0yNjExMjMwNTQzNDNaGA8yMTI2
MTAzMDA1NDM0M1owejELMAkGA1UEBhMCREUxGzAZBgNVBAgMEkJhZGVuLVfDvHJ0
dGVtYmVyZzETMBEGA1UECgwKQWNtZSwgSW5jLjENMAsGA1UEAwwEbGluZTEOMAwG
A1UEAwwFZGV2LTkxGjAYBgkqhkiG9w0BCQEWC2FAYi5leGFtcGxlMIGfMA0GCSqG
SIb3DQEBAQUAA4GNADCBiQKBgQDewFcuoSCA3dO8Qxt17nZnaEWAVQaZ097jJ+SD
QZABs9LY2XaD2vNe8SPZMUkcZgLnjkaLIfAzgyA0nm6k4ae6FUf6TPNKZl1LG3gI
Fg2mN3tsYZUib2XRp/2r7ugZsvBkjCqQxb80crEQAtqJ4G8r0GNxe0QBvOmDD0Qp
yNYqBwIDAQABMA0GCSqGSIb3DQEBCwUAA4GBADzkS4J0DXPRfTjK8y1KF+wJp2Gy
HvdIuT+tswTAj9OULAi00Z9ldPbHRBMDBfvRFSlLV1z7/zFIvIGOrTr8nkdkhNSf
9xyE8AytptARW6iGW75BHV9ssYJV1mVqPipyjga2CTLURKWd+LSt/7ShhLUkoUXm
c+2PV0aamPrJrCi/
-----END CERTIFICATE-----
`;

test.each([
  ["a leaf", issueLeaf({ commonName: "dev-ö, x", issuer: intermediate }).der],
  ["a root", root.der],
  [
    "a self-signed leaf beyond 2049",
    selfSignedLeaf({ commonName: "d", notAfter: new Date("2060-02-29T12:00:00Z") }).der,
  ],
  ["a foreign certificate", new X509Certificate(foreign).raw],
])("%s is read as Node reads it", (_what, der) => {
  const [mine, node] = [readX509(der)!, new X509Certificate(der)];
  expect(mine.serialNumber).toBe(node.serialNumber);
  expect(mine.notBefore).toBe(Date.parse(node.validFrom));
  expect(mine.notAfter).toBe(Date.parse(node.validTo));
  const names = (text: string) =>
    text
      .split("\n")
      .map((line) => line.replaceAll("\\", "").replace(/^emailAddress=/, "E="))
      .join(", ");
  expect(mine.subjectName).toBe(names(node.subject));
  expect(mine.issuerName).toBe(names(node.issuer));
  expect(readCertificate(der)?.sha256Thumbprint).toBe(node.fingerprint256.replaceAll(":", ""));
});

test("the version and the most specific common name are read", () => {
  const read = readCertificateText(foreign);
  expect(read).toMatchObject({ version: 1, commonName: "dev-9" });
  expect(readCertificate(root.der)?.version).toBe(3);
});

test("PEM, base64 of DER and of PEM, and a chain's first certificate are the same certificate", () => {
  const leaf = issueLeaf({ commonName: "dev", issuer: intermediate });
  for (const text of [
    leaf.certificatePem,
    leaf.chainPem,
    `some text\r\n${leaf.certificatePem.replaceAll("\n", "\r\n")}`,
    leaf.der.toString("base64"),
    Buffer.from(leaf.certificatePem).toString("base64"),
  ]) {
    expect(readCertificateText(text)?.sha256Thumbprint).toBe(leaf.sha256Thumbprint);
  }
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["a key", Buffer.from(root.privateKeyPem)],
  ["a cut certificate", root.der.subarray(0, -1)],
  ["a sequence of something else", Buffer.from("3003020101", "hex")],
  ["an indefinite length", Buffer.concat([Buffer.from("3080", "hex"), root.der.subarray(4)])],
])("%s is no certificate", (_what, bytes) => {
  expect(readCertificate(bytes)).toBeUndefined();
});
