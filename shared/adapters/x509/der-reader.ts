/** One tag-length-value of DER (ITU-T X.690), with the bytes it was read from. */
export interface DerValue {
  readonly tag: number;
  readonly contents: Buffer;
  /** Tag, length and contents. */
  readonly whole: Buffer;
}

/** Tags this product looks for. */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  set: 0x31,
} as const;

/**
 * Reads the values that stand one after the other in `bytes`.
 * Throws `RangeError` where a length runs over the end, is indefinite, or a tag has more than one byte: certificates are
 * DER (RFC 5280 §4.1) and have neither.
 */
export function readDer(bytes: Buffer): readonly DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const value = readOne(bytes.subarray(at));
    values.push(value);
    at += value.whole.length;
  }
  return values;
}

/** Reads exactly one value with this tag and answers what stands in it; throws `RangeError` for anything else. */
export function openDer(value: DerValue | undefined, tag: number): readonly DerValue[] {
  if (value?.tag !== tag) throw new RangeError("unexpected DER tag");
  return readDer(value.contents);
}

/** The dotted form of an OBJECT IDENTIFIER; throws `RangeError` if it is none. */
export function objectIdentifierText(value: DerValue | undefined): string {
  if (value?.tag !== derTag.objectIdentifier || value.contents.length === 0)
    throw new RangeError("no object identifier");
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of value.contents) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [head = 0, ...rest] = arcs;
  // The first number holds two arcs, of which the first is 0, 1 or 2 (X.690 §8.19.4).
  const first = Math.min(2, Math.floor(head / 40));
  return [first, head - first * 40, ...rest].join(".");
}

function readOne(bytes: Buffer): DerValue {
  const tag = bytes[0];
  const short = bytes[1];
  if (tag === undefined || short === undefined || (tag & 0x1f) === 0x1f) throw new RangeError("unreadable DER tag");
  let length = short;
  let start = 2;
  if (short >= 0x80) {
    const octets = short - 0x80;
    if (octets === 0 || octets > 4 || bytes.length < 2 + octets) throw new RangeError("unreadable DER length");
    length = bytes.readUIntBE(2, octets);
    start = 2 + octets;
  }
  const end = start + length;
  if (end > bytes.length) throw new RangeError("DER runs over its end");
  return { tag, contents: bytes.subarray(start, end), whole: bytes.subarray(0, end) };
}
