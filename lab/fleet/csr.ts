import { createPublicKey, sign } from "node:crypto";
import { bitString, commonNameOnly, objectIdentifier, sequence, tlv, unsignedInteger } from "../pki/der";

const ecdsaWithSha256 = "1.2.840.10045.4.3.2";

/** A PKCS #10 request (RFC 2986) for `commonName`, without attributes, signed by the P-256 key it asks for. */
export function certificateRequest(commonName: string, privateKeyPem: string): string {
  const publicKey = createPublicKey(privateKeyPem).export({ type: "spki", format: "der" });
  const version = unsignedInteger(Buffer.from([0]));
  const info = sequence(version, commonNameOnly(commonName), publicKey, tlv(0xa0));
  const algorithm = sequence(objectIdentifier(ecdsaWithSha256));
  const der = sequence(info, algorithm, bitString(sign("sha256", info, privateKeyPem)));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE REQUEST-----", ...lines, "-----END CERTIFICATE REQUEST-----", ""].join("\n");
}
