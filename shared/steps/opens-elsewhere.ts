import type { AuthorityPlan } from "../domain/authority/plan";
import { fallThrough } from "../domain/inventory/ca-changes";
import type { RollId } from "../domain/ids";
import type { RollBlobs } from "../ports/stores";
import { readTrust, type ReadTrustDeps } from "./read-trust";
import { documents } from "./roll-documents";

/**
 * True if leaves of a compromised CA would get in by another entry, or might, once it has left the group: then the closed
 * group stays as it is and keeps them out, and a copy of it enrolls the fleet.
 */
export async function opensElsewhere(
  deps: ReadTrustDeps & { readonly blobs: RollBlobs },
  rollId: RollId,
  { groupId, old }: Pick<AuthorityPlan, "groupId" | "old">,
): Promise<boolean> {
  const reach = await deps.blobs.findDocument(rollId, documents.breachReach);
  if (reach?.groups.find((group) => group.groupId === groupId)?.shadowed === true) return true;
  const graph = await readTrust(deps);
  return old.some(
    ({ sha256Thumbprint }) =>
      sha256Thumbprint !== undefined && fallThrough(graph, groupId, sha256Thumbprint).kind !== "closed",
  );
}
