import type { RegistrationId, RollId } from "../../domain/ids";
import { blobText } from "./blob-text";
import { formatKey } from "./keys";
import { attempt, corrupt } from "./storage-errors";
import type { StoreClients } from "./tables";

/**
 * The chain that a roll goes on with, per device: `chains/<roll id>/<registration id>.pem`. The first write stands.
 *
 * Storage operations: `keep` 1, or 2 if another one stands; `kept` 1.
 */
export class ChainBlobs {
  constructor(private readonly clients: StoreClients) {}

  async keep(rollId: RollId, registrationId: RegistrationId, chainPem: string): Promise<string> {
    const name = nameOf(rollId, registrationId);
    const blob = (await this.clients.container()).getBlockBlobClient(name);
    const text = Buffer.from(chainPem);
    const written = await attempt(`write the blob ${name}`, () =>
      blob.uploadData(text, {
        conditions: { ifNoneMatch: "*" },
        blobHTTPHeaders: { blobContentType: "application/x-pem-file" },
      }),
    );
    if (written.outcome === "done") return chainPem;
    const stands = await this.kept(rollId, registrationId);
    if (stands === undefined) throw corrupt(`blob ${name}`, "was there and is gone");
    return stands;
  }

  async kept(rollId: RollId, registrationId: RegistrationId): Promise<string | undefined> {
    const name = nameOf(rollId, registrationId);
    const blob = (await this.clients.container()).getBlockBlobClient(name);
    const read = await attempt(`read the blob ${name}`, () => blobText(blob));
    return read.outcome === "done" ? read.value : undefined;
  }
}

function nameOf(rollId: RollId, registrationId: RegistrationId): string {
  return `chains/${rollId}/${formatKey(registrationId)}.pem`;
}
