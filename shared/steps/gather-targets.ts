import type { gatherTargets } from "../contract/activities";
import { OrderedDevice } from "../contract/alert";
import type { RollId } from "../domain/ids";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import type { TargetPart } from "../domain/roll/cut-targets";
import type { CertificateReader } from "../ports/certificates";
import type { RollBlobs } from "../ports/stores";
import { gatherGroup, type GatherGroupDeps } from "./gather-group";
import { toTarget } from "./ordered-device";
import { documents } from "./roll-documents";
import type { Step } from "./step";

export interface GatherTargetsDeps extends GatherGroupDeps {
  readonly blobs: RollBlobs;
  readonly certificates: CertificateReader;
}

/**
 * Stores one page of the target list. The first write of a part stands, with the cursor that follows it: a page that is
 * asked for again answers what was stored, also if the group has changed meanwhile.
 */
export function createGatherTargets(deps: GatherTargetsDeps): Step<typeof gatherTargets> {
  const { blobs } = deps;
  return async ({ rollId, part, cursor }) => {
    const stored = await blobs.findDocument(rollId, documents.part(part));
    if (stored !== undefined) return answer(stored);
    await blobs.putDocument(
      rollId,
      documents.part(part),
      await page(deps, rollId, await blobs.getRequest(rollId), cursor),
    );
    // Another run may have been first.
    const stands = await blobs.findDocument(rollId, documents.part(part));
    if (stands === undefined) throw new Error("a part that was just written is gone");
    return answer(stands);
  };
}

async function page(
  deps: GatherTargetsDeps,
  rollId: RollId,
  request: RollRequest,
  cursor: string | undefined,
): Promise<TargetPart> {
  const { list, targets, group } = request;
  if (group !== undefined) return gatherGroup(deps, rollId, request, group, cursor);
  if (list !== undefined) return listed(deps, list.blob, cursor);
  return { targets };
}

/** Lines that name no device are left out here: the order was refused if its list had any when it was placed. */
async function listed(
  { blobs, certificates }: GatherTargetsDeps,
  blob: string,
  cursor: string | undefined,
): Promise<TargetPart> {
  const read = await blobs.readLines(blob, cursor);
  const targets = (read?.lines ?? []).flatMap((line): RollTarget[] => {
    const device = readLine(line);
    return device === undefined ? [] : [toTarget(certificates, device)];
  });
  return { targets, ...(read?.next === undefined ? {} : { next: read.next }) };
}

/** A line of a list; undefined for one that is blank or does not describe a device. */
export function readLine(line: string): OrderedDevice | undefined {
  try {
    const parsed = OrderedDevice.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function answer({ targets, next }: TargetPart): { devices: number; next?: string } {
  return { devices: targets.length, ...(next === undefined ? {} : { next }) };
}
