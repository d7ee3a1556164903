import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import {
  bitString,
  commonNameOnly,
  extension,
  objectIdentifier,
  sequence,
  tlv,
  unsignedInteger,
} from "../../lab/pki/der";

const algorithms = {
  ecdsa: sequence(objectIdentifier("1.2.840.10045.4.3.2")),
  ecdsaSha1: sequence(objectIdentifier("1.2.840.10045.4.1")),
  rsa: sequence(objectIdentifier("1.2.840.113549.1.1.11"), tlv(5)),
};

/** A device's key, and requests made with it. */
export interface RequestingDevice {
  readonly privateKeyPem: string;
  readonly spkiDer: Buffer;
  /** A PKCS #10 request; `asCa`: with an attribute that asks for a CA certificate. */
  request(commonName: string, o?: { asCa?: boolean; hash?: "sha1"; signedBy?: RequestingDevice }): string;
}

export function aDeviceKey(kind: "P-256" | "P-384" | "RSA-2048" | "RSA-1024" = "P-256"): RequestingDevice {
  const pair = kind.startsWith("RSA")
    ? generateKeyPairSync("rsa", { modulusLength: Number(kind.slice(4)) })
    : generateKeyPairSync("ec", { namedCurve: kind });
  const privateKeyPem = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const spkiDer = createPublicKey(privateKeyPem).export({ type: "spki", format: "der" });
  return {
    privateKeyPem,
    spkiDer,
    request(commonName, { asCa = false, hash = "sha256", signedBy = { privateKeyPem } } = {}) {
      const attributes = tlv(0xa0, ...(asCa ? [askForCa()] : []));
      const info = sequence(unsignedInteger(Buffer.from([0])), commonNameOnly(commonName), spkiDer, attributes);
      const algorithm = kind.startsWith("RSA") ? "rsa" : hash === "sha1" ? "ecdsaSha1" : "ecdsa";
      const signature = sign(hash, info, signedBy.privateKeyPem);
      return requestPem(sequence(info, algorithms[algorithm], bitString(signature)));
    },
  };
}

/** DER under the label of a certificate request. */
export function requestPem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE REQUEST-----", ...lines, "-----END CERTIFICATE REQUEST-----", ""].join("\n");
}

/** extensionRequest (RFC 2985 §5.4.2) with basicConstraints CA true. */
function askForCa(): Buffer {
  const constraints = extension("2.5.29.19", true, sequence(tlv(1, Buffer.from([0xff]))));
  return sequence(objectIdentifier("1.2.840.113549.1.9.14"), tlv(0x31, sequence(constraints)));
}
