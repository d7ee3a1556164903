/**
 * Reads the fields of an X.509 certificate out of its DER (RFC 5280 §4.1). Node's own reader decodes the public key as
 * well, which takes several times as long as everything else that a write of an enrollment costs.
 */
export interface X509Fields {
  /** The certificate alone, without bytes that may follow it. */
  readonly der: Buffer;
  readonly version: number;
  /** Upper-case hex. */
  readonly serialNumber: string;
  /** `CN=dev-001, O=Acme`, in the order of the encoding. */
  readonly issuerName: string;
  readonly subjectName: string;
  /** The last one of the subject, which is the most specific. */
  readonly commonName: string | undefined;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Undefined when the bytes are no certificate. */
export function readX509(bytes: Buffer): X509Fields | undefined {
  try {
    return read(bytes);
  } catch (error) {
    if (error instanceof NotDer) return undefined;
    throw error;
  }
}

class NotDer extends Error {}

interface Element {
  readonly tag: number;
  readonly contents: Buffer;
}

const sequence = 0x30;
const attributeNames = new Map([
  ["550403", "CN"],
  ["550405", "SERIALNUMBER"],
  ["550406", "C"],
  ["550407", "L"],
  ["550408", "ST"],
  ["55040a", "O"],
  ["55040b", "OU"],
  ["2a864886f70d010901", "E"],
  ["0992268993f22c640119", "DC"],
]);

function read(bytes: Buffer): X509Fields {
  const outer = new Reader(bytes);
  const certificate = new Reader(outer.next(sequence).contents);
  const der = outer.consumed();
  const toBeSigned = new Reader(certificate.next(sequence).contents);
  certificate.next(sequence);
  certificate.next(0x03);
  certificate.end();
  const version =
    toBeSigned.peek() === 0xa0 ? new Reader(toBeSigned.next(0xa0).contents).next(0x02).contents : undefined;
  const serialNumber = toBeSigned.next(0x02).contents;
  toBeSigned.next(sequence);
  const issuer = readName(toBeSigned.next(sequence).contents);
  const validity = new Reader(toBeSigned.next(sequence).contents);
  const [notBefore, notAfter] = [readTime(validity.next()), readTime(validity.next())];
  validity.end();
  const subject = readName(toBeSigned.next(sequence).contents);
  const key = new Reader(toBeSigned.next(sequence).contents);
  key.next(sequence);
  key.next(0x03);
  key.end();
  // Unique identifiers and extensions may follow; they have to be whole, no more.
  while (toBeSigned.peek() !== undefined) toBeSigned.next();
  return {
    der,
    version: version === undefined ? 1 : (version[0] ?? 0) + 1,
    serialNumber: serialNumber
      .toString("hex")
      .replace(/^00(?=.)/, "")
      .toUpperCase(),
    issuerName: issuer.text,
    subjectName: subject.text,
    commonName: subject.commonName,
    notBefore,
    notAfter,
  };
}

/** Elements one after the other; every one has to lie within its parent. */
class Reader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  /** The tag of what comes next; undefined at the end. */
  peek(): number | undefined {
    return this.bytes[this.at];
  }

  next(tag?: number): Element {
    const found = this.bytes[this.at];
    const first = this.bytes[this.at + 1];
    if (found === undefined || first === undefined || (tag !== undefined && found !== tag)) throw new NotDer();
    let start = this.at + 2;
    let length = first;
    if (first >= 0x80) {
      const octets = first & 0x7f;
      if (octets === 0 || octets > 3 || start + octets > this.bytes.length) throw new NotDer();
      length = this.bytes.readUIntBE(start, octets);
      start += octets;
    }
    if (start + length > this.bytes.length) throw new NotDer();
    this.at = start + length;
    return { tag: found, contents: this.bytes.subarray(start, this.at) };
  }

  consumed(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  end(): void {
    if (this.at !== this.bytes.length) throw new NotDer();
  }
}

function readName(contents: Buffer): { text: string; commonName: string | undefined } {
  const parts: string[] = [];
  let commonName: string | undefined;
  const names = new Reader(contents);
  while (names.peek() !== undefined) {
    const set = new Reader(names.next(0x31).contents);
    while (set.peek() !== undefined) {
      const attribute = new Reader(set.next(sequence).contents);
      const oid = attribute.next(0x06).contents.toString("hex");
      const value = readText(attribute.next());
      attribute.end();
      const name = attributeNames.get(oid) ?? `OID.${oid}`;
      if (name === "CN") commonName = value;
      parts.push(`${name}=${value}`);
    }
  }
  return { text: parts.join(", "), commonName };
}

function readText({ tag, contents }: Element): string {
  switch (tag) {
    case 0x0c:
      return contents.toString("utf8");
    case 0x1e:
      // BMPString is big-endian, Buffer reads little-endian.
      return Buffer.from(contents.subarray(0, contents.length & ~1))
        .swap16()
        .toString("utf16le");
    default:
      return contents.toString("latin1");
  }
}

/** UTCTime counts from 1950 (RFC 5280 §4.1.2.5.1). */
function readTime({ tag, contents }: Element): number {
  const text = contents.toString("latin1");
  const century = tag === 0x18 ? "" : tag === 0x17 ? (Number(text.slice(0, 2)) < 50 ? "20" : "19") : undefined;
  const match = century === undefined ? null : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(century + text);
  if (!match) throw new NotDer();
  const [, year, month, day, hour, minute, second] = match.map(Number);
  const time = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second);
  if (Number.isNaN(time)) throw new NotDer();
  return time;
}
