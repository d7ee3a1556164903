import type { HubHostName } from "../ids";
import type { Rate } from "./ledger";
import { DpsResource, hubLimit, HubResource, type DpsQuota, type HubSku, type ResourceName } from "./quotas";

/** How far a breach may go ahead of the rest: as far ahead as the rest may begin, so that it waits for one batch at most. */
const BURST_MS = 30_000;

/**
 * What rolls may take per second of every resource: `headroom` of each quota, above 0 up to 1. What a hub's tier does not
 * offer is not in it.
 */
export function ratesOf(
  dps: DpsQuota,
  hubs: ReadonlyMap<HubHostName, HubSku>,
  headroom: number,
): ReadonlyMap<ResourceName, Rate> {
  const limits = [
    ...DpsResource.options.map((resource): [ResourceName, number] => [
      `dps/${resource}`,
      (resource === "operations" ? dps.operationsPerMinute : dps.registrationsPerMinute) / 60,
    ]),
    ...[...hubs].flatMap(([host, sku]) =>
      HubResource.options.map((resource): [ResourceName, number] => [`${host}/${resource}`, hubLimit(sku, resource)]),
    ),
  ];
  return new Map(
    limits
      .filter(([, perSecond]) => perSecond > 0)
      .map(([name, perSecond]) => [name, { perSecond: perSecond * headroom, burstMs: BURST_MS }]),
  );
}
