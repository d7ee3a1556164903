import type { HubHostName } from "../ids";
import type { Rate } from "./ledger";
import { DpsResource, hubLimit, HubResource, type DpsQuota, type HubSku, type ResourceName } from "./quotas";

/** Half of the minute by which these are counted; what is counted by the second bears no burst. */
const BURST_MS = 30_000;
const BY_THE_MINUTE: ReadonlySet<DpsResource | HubResource> = new Set([...DpsResource.options, "registry", "queries"]);

/**
 * What rolls may take per second of every resource: `headroom` of each quota, above 0 up to 1. What a hub's tier does not
 * offer is not in it.
 */
export function ratesOf(
  dps: DpsQuota,
  hubs: ReadonlyMap<HubHostName, HubSku>,
  headroom: number,
): ReadonlyMap<ResourceName, Rate> {
  const rate = (name: ResourceName, resource: DpsResource | HubResource, perSecond: number): [ResourceName, Rate] => [
    name,
    { perSecond: perSecond * headroom, burstMs: BY_THE_MINUTE.has(resource) ? BURST_MS : 0 },
  ];
  const rates = [
    ...DpsResource.options.map((resource) =>
      rate(
        `dps/${resource}`,
        resource,
        (resource === "operations" ? dps.operationsPerMinute : dps.registrationsPerMinute) / 60,
      ),
    ),
    ...[...hubs].flatMap(([host, sku]) =>
      HubResource.options.map((resource) => rate(`${host}/${resource}`, resource, hubLimit(sku, resource))),
    ),
  ];
  return new Map(rates.filter(([, { perSecond }]) => perSecond > 0));
}
