import type { RollId } from "../../domain/ids";
import type { EvidenceStore } from "../../ports/evidence";
import { blobText } from "./blob-text";
import { formatNumber } from "./keys";
import { attempt, corrupt } from "./storage-errors";
import type { StoreClients } from "./tables";

/**
 * Pages of reports: `rolls/<roll id>/evidence/<page>.ndjson`, a line each. The first write stands.
 *
 * Storage operations: `putPage` 1, or 2 where one stands; `readPage` 1.
 */
export class BlobEvidenceStore implements EvidenceStore {
  constructor(private readonly clients: StoreClients) {}

  async putPage(rollId: RollId, page: number, lines: readonly string[]): Promise<readonly string[]> {
    const name = nameOf(rollId, page);
    const blob = (await this.clients.container()).getBlockBlobClient(name);
    const written = await attempt(`write the blob ${name}`, () =>
      blob.uploadData(Buffer.from(lines.join("\n")), {
        conditions: { ifNoneMatch: "*" },
        blobHTTPHeaders: { blobContentType: "application/x-ndjson" },
      }),
    );
    if (written.outcome === "done") return lines;
    const stands = await this.readPage(rollId, page);
    if (stands === undefined) throw corrupt(`blob ${name}`, "was there and is gone");
    return stands;
  }

  async readPage(rollId: RollId, page: number): Promise<readonly string[] | undefined> {
    const name = nameOf(rollId, page);
    const blob = (await this.clients.container()).getBlockBlobClient(name);
    const read = await attempt(`read the blob ${name}`, () => blobText(blob));
    if (read.outcome !== "done") return undefined;
    return read.value === "" ? [] : read.value.split("\n");
  }
}

function nameOf(rollId: RollId, page: number): string {
  return `rolls/${rollId}/evidence/${formatNumber(page)}.ndjson`;
}
