import type { Ticket } from "../contract/pacing";
import type { ResourceName } from "../domain/pacing/quotas";
import type { DeviceRow } from "../domain/roll/device-row";
import type { Hubs } from "../ports/hubs";
import { admit, type Admission, type PacerDeps } from "./pacer";

/**
 * Asks the quota ledger for what retiring these devices takes: a read in every linked hub, the command to drop the old key,
 * and `operations` calls of DPS each.
 */
export function admitRetiring(
  deps: PacerDeps & { readonly hubs: Pick<Hubs, "hostNames"> },
  rows: readonly DeviceRow[],
  operations: number,
  ticket: Ticket | undefined,
): Promise<Admission> {
  const resources = new Map<ResourceName, number>([["dps/operations", rows.length * operations]]);
  for (const hub of deps.hubs.hostNames) {
    resources.set(`${hub}/twinReads`, rows.length);
    resources.set(`${hub}/methods`, rows.filter((row) => row.assignedHub === hub).length);
  }
  return admit(deps, { resources, priority: "expiry" }, ticket);
}
