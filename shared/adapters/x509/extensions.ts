import { KEY_USAGES, type CertificateFacts } from "../../domain/certificate/facts";
import { derTag, objectIdentifierText, openDer, readDer, type DerValue } from "./der-reader";

/** Extensions of RFC 5280 §4.2 by object identifier. */
export const extensionIds = {
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;

type ExtensionFacts = Pick<
  CertificateFacts,
  "pathLength" | "keyUsage" | "subjectKeyId" | "authorityKeyId" | "extendedKeyUsage"
>;

/** What the extensions of a certificate say. Throws `RangeError` where one of these cannot be read. */
export function readExtensions(extensions: readonly DerValue[]): ExtensionFacts {
  const values = new Map<string, DerValue>();
  for (const extension of extensions) {
    // extnID, optional critical flag, extnValue: an OCTET STRING around the value's DER.
    const fields = openDer(extension, derTag.sequence);
    const value = fields.at(-1);
    if (value?.tag !== derTag.octetString) throw new RangeError("unreadable extension");
    values.set(objectIdentifierText(fields[0]), value);
  }
  const read = <T>(id: string, as: (value: DerValue | undefined) => T): T | undefined => {
    const value = values.get(id);
    return value === undefined ? undefined : as(readDer(value.contents)[0]);
  };
  return {
    pathLength: read(extensionIds.basicConstraints, pathLength),
    keyUsage: read(extensionIds.keyUsage, keyUsage),
    subjectKeyId: read(extensionIds.subjectKeyId, (value) => hex(value)),
    authorityKeyId: read(extensionIds.authorityKeyId, authorityKeyId),
    extendedKeyUsage: read(extensionIds.extendedKeyUsage, (value) =>
      openDer(value, derTag.sequence).map(objectIdentifierText),
    ),
  };
}

/** BasicConstraints: an optional BOOLEAN and an optional INTEGER. */
function pathLength(value: DerValue | undefined): number | undefined {
  const length = openDer(value, derTag.sequence).find(({ tag }) => tag === derTag.integer);
  if (length === undefined) return undefined;
  if (length.contents.length === 0 || length.contents.length > 4) throw new RangeError("unreadable path length");
  return length.contents.readIntBE(0, length.contents.length);
}

/** A named bit list: the first octet counts the unused bits at the end, bit 0 is the highest of the next. */
function keyUsage(value: DerValue | undefined): ExtensionFacts["keyUsage"] {
  if (value?.tag !== derTag.bitString) throw new RangeError("unreadable key usage");
  const bits = value.contents.subarray(1);
  return KEY_USAGES.filter((_name, at) => ((bits[at >> 3] ?? 0) & (0x80 >> (at & 7))) !== 0);
}

/** AuthorityKeyIdentifier: [0] is the issuer's subject key identifier, which some issuers leave out. */
function authorityKeyId(value: DerValue | undefined): string | undefined {
  const id = openDer(value, derTag.sequence).find(({ tag }) => tag === 0x80);
  return id === undefined ? undefined : id.contents.toString("hex").toUpperCase();
}

function hex(value: DerValue | undefined): string {
  if (value?.tag !== derTag.octetString) throw new RangeError("unreadable key identifier");
  return value.contents.toString("hex").toUpperCase();
}
