import type { RegistrationId, RollId } from "../../domain/ids";
import type { CertificateReader } from "../../ports/certificates";
import type { FoundReplacement, ReplacementSource, WantedReplacement } from "../../ports/replacements";
import { blobText } from "./blob-text";
import { ChainBlobs } from "./chain-blobs";
import { formatKey } from "./keys";
import { attempt } from "./storage-errors";
import type { StoreClients } from "./tables";

/** Longer texts are no chain of certificates. */
const MAX_BYTES = 64 * 1024;

/**
 * Replacements in a blob container that others fill: one blob per device, `<registration id>.pem` with every character
 * outside `A-Za-z0-9._:-` as `=XX`, leaf first. The container is created if absent, so that it is there to be filled.
 *
 * Storage operations: `find` 0 for what came with the request, else 2; `keep` 1 or 2; `kept` 1.
 */
export class BlobReplacementSource implements ReplacementSource {
  private readonly chains: ChainBlobs;

  /** `container`: name of the container that is filled by others. */
  constructor(
    private readonly clients: StoreClients,
    private readonly container: string,
    private readonly certificates: CertificateReader,
  ) {
    this.chains = new ChainBlobs(clients);
  }

  async find(rollId: RollId, wanted: WantedReplacement): Promise<FoundReplacement> {
    const { registrationId, replacement, source } = wanted;
    if (replacement.kind !== "none" || source !== "blob") return replacement;
    const kept = await this.kept(rollId, registrationId);
    return kept === undefined ? this.read(registrationId) : { kind: "blob", chainPem: kept };
  }

  keep(...chain: Parameters<ReplacementSource["keep"]>): Promise<string> {
    return this.chains.keep(...chain);
  }

  kept(rollId: RollId, registrationId: RegistrationId): Promise<string | undefined> {
    return this.chains.kept(rollId, registrationId);
  }

  private async read(registrationId: RegistrationId): Promise<FoundReplacement> {
    const name = `${formatKey(registrationId)}.pem`;
    const blob = (await this.clients.container(this.container)).getBlobClient(name);
    const read = await attempt(`read the blob ${name} of ${this.container}`, () => blobText(blob, MAX_BYTES));
    if (read.outcome !== "done") return { kind: "none" };
    const reading = this.certificates.readChain(read.value);
    if (reading.outcome === "private-key") return { kind: "discarded", code: "private-key-in-input" };
    if (reading.outcome === "unreadable" || read.value.length > MAX_BYTES)
      return { kind: "discarded", code: "certificate-unreadable" };
    return { kind: "blob", chainPem: reading.chain.pem };
  }
}
