import type { Ticket } from "../contract/pacing";
import type { HubHostName } from "../domain/ids";
import type { HubResource, ResourceName } from "../domain/pacing/quotas";
import { admit, type Admission, type PacerDeps } from "./pacer";

/**
 * Asks the quota ledger for what a step of a containment is about to use. A breach goes ahead of everything else; beyond the
 * services' limits it would only be refused, and lose the time that the refusals take.
 */
export function admitBreach(
  deps: PacerDeps,
  need: {
    /** Calls of the DPS service API. */
    readonly dps?: number;
    /** One device in one hub each. */
    readonly pairs?: readonly { readonly hub: HubHostName }[];
    /** What each pair uses. */
    readonly each?: readonly HubResource[];
  },
  ticket: Ticket | undefined,
): Promise<Admission> {
  const resources = new Map<ResourceName, number>([["dps/operations", need.dps ?? 0]]);
  for (const { hub } of need.pairs ?? [])
    for (const resource of need.each ?? []) {
      const name: ResourceName = `${hub}/${resource}`;
      resources.set(name, (resources.get(name) ?? 0) + 1);
    }
  return admit(deps, { resources, priority: "breach" }, ticket);
}
