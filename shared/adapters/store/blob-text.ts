import type { BlobClient } from "@azure/storage-blob";

/**
 * The blob's content as UTF-8 text; not much more than `maxBytes` of it is read (and no range is asked for, which an empty
 * blob answers with an error). One storage operation.
 */
export async function blobText(blob: BlobClient, maxBytes = Number.POSITIVE_INFINITY): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const { readableStreamBody } = await blob.download();
  for await (const part of readableStreamBody ?? []) {
    const chunk = Buffer.from(part);
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}
