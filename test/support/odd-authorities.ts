import { createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import {
  bitString,
  commonNameOnly,
  extension,
  objectIdentifier,
  sequence,
  time,
  tlv,
  unsignedInteger,
} from "../../lab/pki/der";

/** A CA certificate of a kind that the lab's PKI does not make. */
export interface OddAuthority {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly key: KeyObject;
  readonly commonName: string;
}

const signatures = {
  "P-256": { hash: "sha256", identifier: sequence(objectIdentifier("1.2.840.10045.4.3.2")) },
  "P-384": { hash: "sha384", identifier: sequence(objectIdentifier("1.2.840.10045.4.3.3")) },
  RSA: { hash: "sha256", identifier: sequence(objectIdentifier("1.2.840.113549.1.1.11"), tlv(5)) },
} as const;

/** Self-signed unless it has an issuer; valid from `notBefore` for ten years. */
export function anOddAuthority(o: {
  readonly commonName: string;
  readonly notBefore: Date;
  readonly kind?: keyof typeof signatures;
  readonly issuer?: OddAuthority;
  /** Signs with this authority's key under its name: the same CA issued again. */
  readonly sameKeyAs?: OddAuthority;
  readonly pathLength?: number;
  /** The bits of the key usage as one octet; default keyCertSign and cRLSign; undefined leaves the extension out. */
  readonly keyUsage?: number | undefined;
}): OddAuthority {
  const kind = o.kind ?? "P-256";
  const key = o.sameKeyAs?.key ?? newKey(kind);
  const privateKeyPem = key.export({ type: "pkcs8", format: "pem" }).toString();
  const issuer = o.issuer ?? { commonName: o.commonName, key };
  const { hash, identifier } = signatures[kindOf(issuer.key)];
  const pathLength = o.pathLength === undefined ? [] : [unsignedInteger(Buffer.from([o.pathLength]))];
  const usage = "keyUsage" in o ? o.keyUsage : 0x06;
  const bytes = sequence(
    tlv(0xa0, unsignedInteger(Buffer.from([2]))),
    unsignedInteger(randomBytes(8)),
    identifier,
    commonNameOnly(issuer.commonName),
    sequence(time(o.notBefore), time(new Date(o.notBefore.getTime() + 3_650 * 86_400_000))),
    commonNameOnly(o.commonName),
    createPublicKey(key).export({ type: "spki", format: "der" }),
    tlv(
      0xa3,
      sequence(
        extension("2.5.29.19", true, sequence(tlv(1, Buffer.from([0xff])), ...pathLength)),
        ...(usage === undefined ? [] : [extension("2.5.29.15", true, tlv(3, Buffer.from([0, usage])))]),
      ),
    ),
  );
  const der = sequence(bytes, identifier, bitString(sign(hash, bytes, issuer.key)));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  const certificatePem = ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
  return { certificatePem, privateKeyPem, key, commonName: o.commonName };
}

function newKey(kind: keyof typeof signatures): KeyObject {
  return kind === "RSA"
    ? generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey
    : generateKeyPairSync("ec", { namedCurve: kind }).privateKey;
}

function kindOf(key: KeyObject): keyof typeof signatures {
  if (key.asymmetricKeyType === "rsa") return "RSA";
  return key.asymmetricKeyDetails?.namedCurve === "secp384r1" ? "P-384" : "P-256";
}
