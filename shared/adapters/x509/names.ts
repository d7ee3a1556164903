import { derTag, objectIdentifierText, openDer, type DerValue } from "./der-reader";

const COMMON_NAME = "2.5.4.3";

/** Short names as DPS shows them; what is not here appears by its number. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  [COMMON_NAME, "CN"],
  ["2.5.4.5", "SERIALNUMBER"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["1.2.840.113549.1.9.1", "E"],
  ["0.9.2342.19200300.100.1.25", "DC"],
]);

/** Reads a Name (RFC 5280 §4.1.2.4). Throws `RangeError` for anything else. */
export function readName(name: DerValue): { readonly text: string; readonly commonName: string | undefined } {
  const parts: string[] = [];
  // The last one is the most specific where there are several.
  let commonName: string | undefined;
  for (const relativeName of openDer(name, derTag.sequence)) {
    for (const attribute of openDer(relativeName, derTag.set)) {
      const [type, value] = openDer(attribute, derTag.sequence);
      if (value === undefined) continue;
      const oid = objectIdentifierText(type);
      const text = directoryString(value);
      if (oid === COMMON_NAME) commonName = text;
      parts.push(`${SHORT_NAMES.get(oid) ?? oid}=${text}`);
    }
  }
  return { text: parts.join(", "), commonName };
}

/** DirectoryString: BMPString is UTF-16, TeletexString and UniversalString are read byte by byte, the rest UTF-8 or a part of it. */
function directoryString({ tag, contents }: DerValue): string {
  if (tag === 0x1e && contents.length % 2 === 0) return Buffer.from(contents).swap16().toString("utf16le");
  if (tag === 0x1c || tag === 0x14) return contents.toString("latin1");
  return contents.toString("utf8");
}
