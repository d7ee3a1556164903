import { z } from "zod";
import type { RollId } from "../../domain/ids";
import { RollRequest } from "../../domain/roll/request";
import type { RollTarget } from "../../domain/roll/request";
import type { Document, LinePage, RollBlobs } from "../../ports/stores";
import { blobText } from "./blob-text";
import { formatNumber } from "./keys";
import { cutPage, firstBytes, PAGE_BYTES, readCursor, START } from "./line-pages";
import { attempt, corrupt } from "./storage-errors";
import type { StoreClients } from "./tables";

const Targets = z.array(RollRequest.shape.targets.element);

/** Requests that a process keeps: every step of a roll reads its own, and one with a thousand certificates is megabytes. */
const REQUESTS_KEPT = 4;

/**
 * A roll's blobs: `rolls/<roll id>/request.json` and `rolls/<roll id>/targets/<batch>.json` and other documents by name. The first write of each stands;
 * a later one, as an activity that runs twice makes it, changes nothing.
 *
 * Storage operations: 1 per call; none for the request of a roll that this process has read lately.
 */
export class BlobRollBlobs implements RollBlobs {
  /** The one that was asked for last at the end. */
  private readonly requests = new Map<RollId, Promise<RollRequest>>();

  constructor(private readonly clients: StoreClients) {}

  putRequest(rollId: RollId, request: RollRequest): Promise<void> {
    return this.put(requestName(rollId), RollRequest, request);
  }

  getRequest(rollId: RollId): Promise<RollRequest> {
    const request = this.requests.get(rollId) ?? this.get(requestName(rollId), RollRequest);
    this.requests.delete(rollId);
    this.requests.set(rollId, request);
    void request.catch(() => this.requests.delete(rollId));
    const [oldest] = this.requests.keys();
    if (this.requests.size > REQUESTS_KEPT && oldest !== undefined) this.requests.delete(oldest);
    return request;
  }

  putTargets(rollId: RollId, batch: number, targets: readonly RollTarget[]): Promise<void> {
    return this.put(targetsName(rollId, batch), Targets, [...targets]);
  }

  getTargets(rollId: RollId, batch: number): Promise<readonly RollTarget[]> {
    return this.get(targetsName(rollId, batch), Targets);
  }

  putDocument<T>(rollId: RollId, { name, schema }: Document<T>, value: T): Promise<void> {
    return this.put(documentName(rollId, name), schema, value);
  }

  findDocument<T>(rollId: RollId, { name, schema }: Document<T>): Promise<T | undefined> {
    return this.find(documentName(rollId, name), schema);
  }

  async readLines(name: string, cursor: string | undefined): Promise<LinePage | undefined> {
    const at = cursor === undefined ? START : readCursor(cursor);
    const blob = (await this.clients.container()).getBlockBlobClient(name);
    const read = await attempt(`read the blob ${name}`, async () => {
      const { readableStreamBody, contentLength = 0 } = await blob.download(at.offset);
      return { text: await firstBytes(readableStreamBody, PAGE_BYTES), left: contentLength };
    });
    // A range behind the end answers 416, which only an emptied blob brings about.
    return read.outcome === "done" ? cutPage(read.value.text, read.value.left, at) : undefined;
  }

  private async put<T>(name: string, schema: z.ZodType<T>, value: T): Promise<void> {
    const checked = schema.safeParse(value);
    if (!checked.success) {
      throw corrupt(`blob ${name}`, "is not written: its content does not pass its schema", checked.error);
    }
    const text = Buffer.from(JSON.stringify(checked.data));
    const blob = (await this.clients.container()).getBlockBlobClient(name);
    await attempt(`write the blob ${name}`, () =>
      blob.uploadData(text, {
        conditions: { ifNoneMatch: "*" },
        blobHTTPHeaders: { blobContentType: "application/json" },
      }),
    );
  }

  private async get<T>(name: string, schema: z.ZodType<T>): Promise<T> {
    const found = await this.find(name, schema);
    if (found === undefined) throw corrupt(`blob ${name}`, "does not exist");
    return found;
  }

  private async find<T>(name: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const blob = (await this.clients.container()).getBlockBlobClient(name);
    const read = await attempt(`read the blob ${name}`, () => blobText(blob));
    if (read.outcome !== "done") return undefined;
    const parsed = schema.safeParse(parseJson(read.value, name));
    if (!parsed.success) throw corrupt(`blob ${name}`, "does not pass its schema", parsed.error);
    return parsed.data;
  }
}

function requestName(rollId: RollId): string {
  return `rolls/${rollId}/request.json`;
}

function targetsName(rollId: RollId, batch: number): string {
  return `rolls/${rollId}/targets/${formatNumber(batch)}.json`;
}

function documentName(rollId: RollId, name: string): string {
  return `rolls/${rollId}/${name}.json`;
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw corrupt(`blob ${name}`, "holds no JSON", error);
  }
}
