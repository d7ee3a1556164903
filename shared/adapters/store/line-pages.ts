import type { LinePage } from "../../ports/stores";
import { corrupt } from "./storage-errors";

/** Bytes read per page of a list: some thousands of lines. */
export const PAGE_BYTES = 1024 * 1024;
const MOST_LINES = 5_000;

/** Where a page begins: the byte, and the number of the line it begins. */
export interface LineCursor {
  readonly offset: number;
  readonly line: number;
}

export const START: LineCursor = { offset: 0, line: 1 };

/** The text form is `<byte>:<line>`. */
export function readCursor(text: string): LineCursor {
  const match = /^(\d{1,15}):(\d{1,12})$/.exec(text);
  if (match === null) throw corrupt("a list's cursor", "cannot be read back");
  return { offset: Number(match[1]), line: Number(match[2]) };
}

/**
 * Cuts whole lines off the front. `left`: bytes from the cursor to the blob's end. A line longer than a page is cut off with
 * what is left of it: no description of a device is that long.
 */
export function cutPage(bytes: Buffer, left: number, { offset, line }: LineCursor): LinePage {
  const isRest = bytes.length >= left;
  const lines: string[] = [];
  let from = 0;
  while (from < bytes.length && lines.length < MOST_LINES) {
    const end = bytes.indexOf(0x0a, from);
    if (end < 0 && !isRest && lines.length > 0) break;
    lines.push(bytes.toString("utf8", from, end < 0 ? bytes.length : end).replace(/\r$/, ""));
    from = end < 0 ? bytes.length : end + 1;
  }
  const more = from < left;
  return { lines, firstLine: line, ...(more ? { next: `${offset + from}:${line + lines.length}` } : {}) };
}

/** At most `limit` bytes of a stream; the rest is not read. */
export async function firstBytes(body: NodeJS.ReadableStream | undefined, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    size += bytes.length;
    if (size >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit);
}
