import type { Instant } from "../../domain/instant";
import { derTag } from "./der-reader";

/** One tag-length-value of DER (ITU-T X.690); `contents` are concatenated. */
export function derValue(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(body.length), body]);
}

export function derSequence(...contents: readonly Buffer[]): Buffer {
  return derValue(derTag.sequence, ...contents);
}

/** INTEGER from unsigned big-endian bytes. */
export function derUnsigned(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const digits = Buffer.from(bytes.subarray(start));
  // A first bit of one would make it negative.
  return (digits[0] ?? 0) >= 0x80
    ? derValue(derTag.integer, Buffer.from([0]), digits)
    : derValue(derTag.integer, digits);
}

/** OBJECT IDENTIFIER from its dotted form. */
export function derObjectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return derValue(derTag.objectIdentifier, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

export function derOctets(contents: Buffer): Buffer {
  return derValue(derTag.octetString, contents);
}

/** BIT STRING; the last `unused` bits do not count. */
export function derBits(contents: Buffer, unused = 0): Buffer {
  return derValue(derTag.bitString, Buffer.from([unused]), contents);
}

export function derBoolean(value: boolean): Buffer {
  return derValue(derTag.boolean, Buffer.from([value ? 0xff : 0]));
}

/** Whole seconds: UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
export function derTime(at: Instant): Buffer {
  const date = new Date(at);
  const digits = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
  return date.getUTCFullYear() < 2050
    ? derValue(0x17, Buffer.from(digits.slice(2), "ascii"))
    : derValue(0x18, Buffer.from(digits, "ascii"));
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
