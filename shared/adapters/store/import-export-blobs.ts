import { ContainerSASPermissions, type BlobServiceClient, type ContainerClient } from "@azure/storage-blob";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Clock } from "../../ports/clock";
import type { HubStorageAccess, ImportExportBlobs, JobContainer } from "../../ports/import-export-blobs";
import { attempt, demand } from "./storage-errors";
import { blobService, type StoreAddress } from "./tables";

/** Microsoft docs: both import and export use this name unless told otherwise. */
const LINES = "devices.txt";
/** Not documented; the name that IoT Hub has been seen to use. */
const ERRORS = "importerrors.log";
/** A job of a million identities takes hours; a signature that outlives it by far would only be a risk. */
const SIGNATURE_MS = 24 * 3_600_000;
/** For a hub whose clock lags behind ours. */
const BACKDATED_MS = 15 * 60_000;
const PART_BYTES = 4 * 1_024 * 1_024;

/**
 * Containers for export and import jobs, called prefix + `-job-` + key. With a connection string the hub enters by a
 * signature over one container, valid for a day; with the app's identity it enters by its own, which needs the role
 * Storage Blob Data Contributor on the account.
 */
export class BlobImportExport implements ImportExportBlobs {
  private readonly service: BlobServiceClient;

  /**
   * @param options.prefix as for `openStore`; at most 8 characters, so that container names stay valid.
   * @param options.hubIdentity resource id of the hub's user-assigned identity; default: its system-assigned one.
   */
  constructor(
    private readonly address: StoreAddress,
    private readonly clock: Clock,
    private readonly options: { readonly prefix?: string; readonly hubIdentity?: string } = {},
  ) {
    this.service = blobService(address);
  }

  async open(key: string): Promise<JobContainer> {
    if (!/^[a-z0-9](?:-?[a-z0-9])*$/.test(key) || key.length > 50) {
      throw new RangeError(`"${key}" cannot name a container: use 1-50 lower-case letters, digits and single hyphens`);
    }
    const client = this.service.getContainerClient(`${this.options.prefix ?? "rollcall"}-job-${key}`);
    await demand("create a container for a job", () => client.createIfNotExists());
    return { name: client.containerName, uri: await this.uriOf(client), access: this.access() };
  }

  async writeLines({ name }: JobContainer, lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
    const blob = this.service.getContainerClient(name).getBlockBlobClient(LINES);
    await demand("write the lines of an import", () => blob.uploadStream(Readable.from(asBytes(lines)), PART_BYTES));
  }

  readLines({ name }: JobContainer): AsyncIterable<string> {
    return this.linesOf(name, LINES);
  }

  readErrors({ name }: JobContainer): AsyncIterable<string> {
    return this.linesOf(name, ERRORS);
  }

  async discard({ name }: JobContainer): Promise<void> {
    await demand("delete the container of a job", () => this.service.getContainerClient(name).deleteIfExists());
  }

  private access(): HubStorageAccess {
    return this.address.kind === "identity"
      ? { kind: "identity", userAssigned: this.options.hubIdentity }
      : { kind: "signature" };
  }

  private async uriOf(client: ContainerClient): Promise<string> {
    if (this.address.kind === "identity") return client.url;
    const now = this.clock.now();
    return client.generateSasUrl({
      permissions: ContainerSASPermissions.parse("racwdl"),
      startsOn: new Date(now - BACKDATED_MS),
      expiresOn: new Date(now + SIGNATURE_MS),
    });
  }

  private async *linesOf(container: string, name: string): AsyncIterable<string> {
    const blob = this.service.getContainerClient(container).getBlobClient(name);
    const read = await attempt(`read ${name} of a job`, () => blob.download());
    const stream = read.outcome === "done" ? read.value.readableStreamBody : undefined;
    if (stream === undefined) return;
    try {
      for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) if (line !== "") yield line;
    } catch (error) {
      await demand(`read ${name} of a job to its end`, () => Promise.reject(error as Error));
    }
  }
}

async function* asBytes(lines: Iterable<string> | AsyncIterable<string>): AsyncIterable<Buffer> {
  for await (const line of lines) yield Buffer.from(`${line}\n`);
}
