import { z } from "zod";
import type { RollId } from "../../domain/ids";
import { RollRequest } from "../../domain/roll/request";
import type { RollTarget } from "../../domain/roll/request";
import type { RollBlobs } from "../../ports/stores";
import { formatNumber } from "./keys";
import { attempt, corrupt } from "./storage-errors";
import type { StoreClients } from "./tables";

const Targets = z.array(RollRequest.shape.targets.element);

/**
 * A roll's blobs: `rolls/<roll id>/request.json` and `rolls/<roll id>/targets/<batch>.json`. The first write of each stands;
 * a later one, as an activity that runs twice makes it, changes nothing.
 *
 * Storage operations: 1 per call.
 */
export class BlobRollBlobs implements RollBlobs {
  constructor(private readonly clients: StoreClients) {}

  putRequest(rollId: RollId, request: RollRequest): Promise<void> {
    return this.put(requestName(rollId), RollRequest, request);
  }

  getRequest(rollId: RollId): Promise<RollRequest> {
    return this.get(requestName(rollId), RollRequest);
  }

  putTargets(rollId: RollId, batch: number, targets: readonly RollTarget[]): Promise<void> {
    return this.put(targetsName(rollId, batch), Targets, [...targets]);
  }

  getTargets(rollId: RollId, batch: number): Promise<readonly RollTarget[]> {
    return this.get(targetsName(rollId, batch), Targets);
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
    const blob = (await this.clients.container()).getBlockBlobClient(name);
    const read = await attempt(`read the blob ${name}`, async () =>
      allText((await blob.download()).readableStreamBody),
    );
    if (read.outcome !== "done") throw corrupt(`blob ${name}`, "does not exist");
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

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw corrupt(`blob ${name}`, "holds no JSON", error);
  }
}

async function allText(body: NodeJS.ReadableStream | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body ?? []) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}
