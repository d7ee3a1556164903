import type { InventoryCursor } from "../../contract/inventory";
import { RegistrationId, type HubHostName } from "../../domain/ids";
import { isEndUnknown } from "../../domain/inventory/expiring";
import type { Finding, InventoryId, InventorySummary } from "../../domain/inventory/inventory";
import { lintLimits, lintTrust } from "../../domain/inventory/lint-trust";
import type { DeviceRecord } from "../../domain/inventory/records";
import { SharedCertificates } from "../../domain/inventory/shared-certificates";
import { graphOf } from "../../domain/inventory/trust";
import { addMs, type Instant } from "../../domain/instant";
import { RollError } from "../../domain/roll-error";
import type { Enrollments } from "../../ports/enrollments";

import { askSideBySide } from "../side-by-side";
import { discardExports, type GatherHubsDeps } from "./gather-hubs";

/** Finished inventories that are kept; what is older, and was begun more than a day ago, is deleted with its lines. */
export const INVENTORIES_KEPT = 7;

const DAY_MS = 86_400_000;

/** Identities that no list of DPS shows and that are looked up one by one; each costs a call. */
const LOOKED_UP = 100;

export interface FinishInventoryDeps extends Pick<GatherHubsDeps, "clock" | "hubs" | "exports" | "inventories"> {
  readonly enrollments: Pick<Enrollments, "getRegistration">;
}

/** Counts, lints what takes more than one device to see, and makes the inventory one that may be asked. */
export async function finishInventory(
  deps: FinishInventoryDeps,
  { inventoryId, startedAt }: { readonly inventoryId: InventoryId; readonly startedAt: Instant },
  { shards, progress }: InventoryCursor & { at: "finish" },
): Promise<void> {
  const { inventories } = deps;
  const trust = await inventories.getTrust(inventoryId);
  const tally = new Tally();
  for (let shard = 0; shard < shards; shard += 1)
    for await (const device of inventories.readDevices(inventoryId, shard)) tally.add(device);

  const { enrollments, registrations } = tally;
  const used = { authorities: trust.authorities.length, groups: trust.groups.length, enrollments, registrations };
  const findings: Finding[] = [
    ...trust.unreadable.map(unreadableAuthority),
    ...lintTrust(graphOf(trust), deps.clock.now()),
    ...lintLimits(used),
    ...tally.shared,
    ...(await orphans(deps, tally.unclaimed)),
  ];
  await inventories.putFindings(inventoryId, "fleet", findings);
  const counted: Record<string, number> = {};
  for await (const { code } of inventories.readFindings(inventoryId)) counted[code] = (counted[code] ?? 0) + 1;

  const summary: InventorySummary = {
    inventoryId,
    startedAt,
    finishedAt: deps.clock.now(),
    shards,
    counts: {
      ...used,
      devices: tally.devices,
      modules: tally.modules,
      identities: deps.hubs.hostNames.map((hub, at) => ({
        hub,
        ...(tally.hubs.get(hub) ?? { enabled: 0, disabled: 0 }),
        source: progress.queried.includes(at) ? ("query" as const) : ("export" as const),
      })),
      findings: counted,
      leavesOfUnknownEnd: tally.unknownEnds,
      unreadableLines: progress.unreadable,
    },
    unreadable: trust.unreadable,
  };
  await inventories.finish(summary);
  await discardExports(deps, inventoryId);
  await inventories.dropGathered(inventoryId);
  await forgetOldOnes(deps);
}

class Tally {
  devices = 0;
  modules = 0;
  enrollments = 0;
  registrations = 0;
  unknownEnds = 0;
  readonly hubs = new Map<HubHostName, { enabled: number; disabled: number }>();
  readonly shared: Finding[] = [];
  /** Some devices that a hub has and DPS lists nowhere. */
  readonly unclaimed: DeviceRecord[] = [];
  private readonly certificates = new SharedCertificates();

  add(device: DeviceRecord): void {
    const { enrollment, alsoEnrolledAs = [], registration, identities, modules = [] } = device;
    this.devices += 1;
    this.modules += modules.length;
    this.enrollments += (enrollment === undefined ? 0 : 1) + alsoEnrolledAs.length;
    if (registration !== undefined) this.registrations += 1;
    if (isEndUnknown(device)) this.unknownEnds += 1;
    for (const { hub, status } of identities) {
      const counts = this.hubs.get(hub) ?? { enabled: 0, disabled: 0 };
      counts[status] += 1;
      this.hubs.set(hub, counts);
    }
    this.shared.push(...this.certificates.add(device));
    if (device.registrationId === undefined && this.unclaimed.length < LOOKED_UP) this.unclaimed.push(device);
  }
}

/** Registration records that no list shows, because their group was deleted. What DPS does not answer is left out. */
async function orphans(
  { enrollments }: FinishInventoryDeps,
  unclaimed: readonly DeviceRecord[],
): Promise<readonly Finding[]> {
  const ids = unclaimed.flatMap(({ key }) => RegistrationId.safeParse(key).data ?? []);
  const readings = await askSideBySide(ids, (id) => enrollments.getRegistration(id));
  return ids.flatMap((id, at): Finding[] => {
    const reading = readings[at];
    if (reading === undefined || reading instanceof RollError || reading.outcome === "missing") return [];
    const detail = "its registration record outlived the entry it came through; delete the record";
    return [{ code: "orphaned-registration", severity: "info", subject: { kind: "device", id }, detail }];
  });
}

function unreadableAuthority(name: string): Finding {
  const detail = "Azure Resource Manager gave no certificate for it; what hangs on it is not judged";
  return { code: "ca-unreadable", severity: "warning", subject: { kind: "ca", id: name }, detail };
}

/**
 * Those before the newest seven finished ones, and whatever was begun a day before and never got anywhere. One that was
 * begun since is somebody's work: a roll may be taking it, or reading it, and half of it would say of every device that DPS
 * does not know it.
 */
async function forgetOldOnes({ inventories, clock }: FinishInventoryDeps): Promise<void> {
  const entries = await inventories.list(100);
  const finished = entries.flatMap((entry) => (entry.state === "finished" ? [entry.summary.inventoryId] : []));
  const keep = new Set(finished.slice(0, INVENTORIES_KEPT));
  const dayAgo = addMs(clock.now(), -DAY_MS);
  for (const entry of entries) {
    const { inventoryId, startedAt } = entry.state === "finished" ? entry.summary : entry;
    if (!keep.has(inventoryId) && startedAt < dayAgo) await inventories.forget(inventoryId);
  }
}
