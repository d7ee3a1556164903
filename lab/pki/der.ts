/**
 * The few DER productions an X.509 certificate is made of (ITU-T X.690). The lab writes certificates itself because it
 * issues whole fleets: a template plus one signature is some thirty times faster than a general ASN.1 library.
 */

/** One tag-length-value; `contents` are concatenated. */
export function tlv(tag: number, ...contents: Buffer[]): Buffer {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(length), ...contents]);
}

/** SEQUENCE. */
export function sequence(...contents: Buffer[]): Buffer {
  return tlv(0x30, ...contents);
}

/** INTEGER from unsigned big-endian bytes; a leading zero keeps it positive, superfluous ones are dropped. */
export function unsignedInteger(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const trimmed = bytes.subarray(start);
  return (trimmed[0] ?? 0) & 0x80 ? tlv(2, Buffer.from([0]), trimmed) : tlv(2, trimmed);
}

/** OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return tlv(6, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** BIT STRING without unused bits. */
export function bitString(contents: Buffer): Buffer {
  return tlv(3, Buffer.from([0]), contents);
}

/** UTCTime until 2049, GeneralizedTime from 2050 on, whole seconds (RFC 5280 §4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[-:T]/g, "");
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? tlv(0x17, Buffer.from(digits.slice(2), "ascii"))
    : tlv(0x18, Buffer.from(digits, "ascii"));
}

/** A Name of one relative distinguished name, the common name. */
export function commonNameOnly(commonName: string): Buffer {
  const attribute = sequence(objectIdentifier("2.5.4.3"), tlv(0x0c, Buffer.from(commonName, "utf8")));
  return sequence(tlv(0x31, attribute));
}

/** An Extension (RFC 5280 §4.2). */
export function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [tlv(1, Buffer.from([0xff]))] : [];
  return sequence(objectIdentifier(oid), ...flag, tlv(4, value));
}

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128)) bytes.unshift((left % 128) | 0x80);
  return bytes;
}
