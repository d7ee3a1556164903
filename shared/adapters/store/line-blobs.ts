import { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { ContainerClient } from "@azure/storage-blob";
import type { z } from "zod";
import { RollError } from "../../domain/roll-error";
import { asRollError, attempt, corrupt, demand } from "./storage-errors";

const BLOCK_BYTES = 4 * 1024 * 1024;
const BLOCKS_AT_ONCE = 2;
/** A stream hands over pieces of about this many characters: one per line would cost more than the lines. */
const PIECE_CHARS = 64 * 1024;

/** Blobs with a value of JSON per line, read and written as streams. */
export class LineBlobs<T> {
  constructor(
    private readonly open: () => Promise<ContainerClient>,
    private readonly schema: z.ZodType<T>,
  ) {}

  /** Replaces the blob. One storage operation per 4 MiB, and one. */
  async write(name: string, values: Iterable<T> | AsyncIterable<T>): Promise<void> {
    const blob = (await this.open()).getBlockBlobClient(name);
    const stream = Readable.from(pieces(values), { objectMode: false });
    const options = { blobHTTPHeaders: { blobContentType: "application/x-ndjson" } };
    await demand(`write the blob ${name}`, () => blob.uploadStream(stream, BLOCK_BYTES, BLOCKS_AT_ONCE, options));
  }

  /** @throws RollError `store-corrupt` for a blob that is not there, and for a line that `write` did not write. */
  async *read(name: string): AsyncGenerator<T, void> {
    const blob = (await this.open()).getBlobClient(name);
    const opened = await attempt(`read the blob ${name}`, () => blob.download(0, undefined, { maxRetryRequests: 3 }));
    const body = opened.outcome === "done" ? opened.value.readableStreamBody : undefined;
    if (body === undefined) throw corrupt(`blob ${name}`, "does not exist");
    for await (const line of linesOf(body, name)) yield this.parse(line, name);
  }

  private parse(line: string, name: string): T {
    const parsed = this.schema.safeParse(parseJson(line, name));
    if (!parsed.success) throw corrupt(`blob ${name}`, "holds a line that does not pass its schema", parsed.error);
    return parsed.data;
  }
}

/** Names of the blobs under a prefix, in the order of the names. One storage operation per 5,000. */
export async function blobNames(container: ContainerClient, prefix: string): Promise<readonly string[]> {
  return demand(`list the blobs under ${prefix}`, async () => {
    const names: string[] = [];
    for await (const { name } of container.listBlobsFlat({ prefix })) names.push(name);
    return names;
  });
}

/** Whoever stops reading ends the download. An outage in the middle is one like any other. */
async function* linesOf(body: NodeJS.ReadableStream, name: string): AsyncGenerator<string, void> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  try {
    for await (const chunk of body) {
      const lines = (rest + decoder.write(Buffer.from(chunk))).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch (error) {
    const known = asRollError(error, `read the blob ${name}`);
    if (known instanceof RollError) throw known;
    // A connection that broke after the answer had begun.
    throw new RollError("service-unavailable", `storage stopped in the middle of the blob ${name}`, true, {
      cause: error,
    });
  }
  if (rest !== "") yield rest;
}

async function* pieces(values: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<Buffer, void> {
  let piece = "";
  for await (const value of values) {
    piece += `${JSON.stringify(value)}\n`;
    if (piece.length >= PIECE_CHARS) {
      yield Buffer.from(piece);
      piece = "";
    }
  }
  if (piece !== "") yield Buffer.from(piece);
}

function parseJson(line: string, name: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw corrupt(`blob ${name}`, "holds a line that is no JSON", error);
  }
}
