import type { HubHostName } from "../domain/ids";
import { HubSku, type DpsQuota } from "../domain/pacing/quotas";
import { readHostName, readList, variable, wholeNumber, type ServiceAccess } from "./variables";

/** What Azure allows this installation, and how much of it rolls may take. */
export interface Quotas {
  readonly dps: DpsQuota;
  /** Every hub; one whose size nobody stated counts as the smallest that can be rolled over, S1 with one unit. */
  readonly hubs: ReadonlyMap<HubHostName, HubSku>;
  /** Above 0 up to 1; the rest is for devices' daily life. */
  readonly headroom: number;
}

interface QuotaValues {
  readonly ROLLCALL_HUB_SKUS: ReadonlyMap<HubHostName, HubSku>;
  readonly ROLLCALL_DPS_OPERATIONS_PER_MINUTE: number;
  readonly ROLLCALL_DPS_REGISTRATIONS_PER_MINUTE: number;
  readonly ROLLCALL_QUOTA_PERCENT: number;
}

export const quotaVariables = {
  ROLLCALL_HUB_SKUS: variable(
    "give tier and units per hub, such as contoso.azure-devices.net=S1x2, separated by commas, each hub once",
    readHubSkus,
  ).default(new Map()),
  ROLLCALL_DPS_OPERATIONS_PER_MINUTE: wholeNumber({ fallback: 1_000, min: 1, max: 1_000_000 }),
  ROLLCALL_DPS_REGISTRATIONS_PER_MINUTE: wholeNumber({ fallback: 1_000, min: 1, max: 1_000_000 }),
  ROLLCALL_QUOTA_PERCENT: wholeNumber({ fallback: 90, min: 1, max: 100 }),
};

/** A hub whose size was stated though nobody linked it: a slip of the pen, or the size would go to no hub at all. */
export function unlinkedHub(
  { ROLLCALL_HUB_SKUS: stated }: QuotaValues,
  hubs: readonly ServiceAccess[],
): HubHostName | undefined {
  return [...stated.keys()].find((name) => hubs.every(({ host }) => host !== name));
}

export function quotasOf(values: QuotaValues, hubs: readonly ServiceAccess[]): Quotas {
  return {
    dps: {
      operationsPerMinute: values.ROLLCALL_DPS_OPERATIONS_PER_MINUTE,
      registrationsPerMinute: values.ROLLCALL_DPS_REGISTRATIONS_PER_MINUTE,
    },
    hubs: new Map(hubs.map(({ host }) => [host, values.ROLLCALL_HUB_SKUS.get(host) ?? { tier: "S1", units: 1 }])),
    headroom: values.ROLLCALL_QUOTA_PERCENT / 100,
  };
}

/** `host=S1x2` between commas: tier and units of each hub, each hub once. */
function readHubSkus(text: string): ReadonlyMap<HubHostName, HubSku> | undefined {
  const skus = new Map<HubHostName, HubSku>();
  for (const part of readList(text) ?? [""]) {
    const [, name = "", tier, units] = /^([^=\s]+)\s*=\s*([A-Z]\d)x(\d{1,3})$/i.exec(part) ?? [];
    const host = readHostName(name);
    const sku = HubSku.safeParse({ tier: tier?.toUpperCase(), units: Number(units) });
    if (host === undefined || !sku.success || skus.has(host)) return undefined;
    skus.set(host, sku.data);
  }
  return skus;
}
