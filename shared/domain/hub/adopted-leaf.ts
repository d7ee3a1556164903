import { Sha256Thumbprint, type HubHostName } from "../ids";
import type { Instant } from "../instant";
import type { DeviceRow, HubRecord } from "../roll/device-row";
import type { Identity } from "./allow-set";

/** DPS's record of the device's last registration, as far as this rule needs it. */
export interface RegistrationSeen {
  readonly status: string;
  readonly assignedHub: HubHostName | undefined;
  readonly lastUpdatedAt: Instant | undefined;
}

/**
 * The leaf that DPS wrote over our sentinels, where nobody knew beforehand which one it would be: the device came back by a
 * chain that DPS accepts now. Three things must hold: the sentinels stood there after closure and settling, so that no
 * registration from before can have written it; DPS's record does not say otherwise; and one certificate stands in both
 * slots, as DPS writes it. The caller has just read that DPS is still closed to the compromised CA.
 *
 * `closedAgainAt`: DPS was found open to that CA in between, and this write closed it again. Whoever registered before it may
 * be the thief: then only a registration after it counts, or sentinels that were read intact after it.
 */
export function adoptedLeaf(
  row: DeviceRow,
  hub: HubHostName,
  identity: Identity,
  registration: RegistrationSeen | undefined,
  closedAgainAt?: Instant,
): Sha256Thumbprint | undefined {
  const record = row.hubs[hub];
  if (row.leafUnknown !== true || record?.lastWrite !== "sentinel" || !stoodAfterSettling(row, record))
    return undefined;
  if (identity.authentication !== "selfSigned" || identity.primaryThumbprint !== identity.secondaryThumbprint)
    return undefined;
  if (!agrees(row, hub, registration, closedAgainAt)) return undefined;
  const leaf = Sha256Thumbprint.safeParse(identity.primaryThumbprint);
  return leaf.success && !row.bad.includes(leaf.data) ? leaf.data : undefined;
}

/**
 * The sentinels were read intact by the fresh reads that confirm containment. Or they were put there anew when the hold
 * ended, which is after settling: a device that DPS takes back at once may be faster than the next read. Where a registration
 * was under way when the group's devices were listed, only a read that saw it over counts.
 */
function stoodAfterSettling({ intactAt, listed }: DeviceRow, { releasedAt }: HubRecord): boolean {
  return intactAt !== undefined || (listed?.assigning === false && releasedAt !== undefined);
}

/**
 * A registration on this very hub, later than the last one we knew and than the closing write, both by DPS's own clock. Or
 * a refusal later than that: DPS keeps one record per device, and whoever knocks with an old leaf at a closed entry writes
 * his refusal over the record of the device that came back. Then the sentinels alone must tell.
 */
function agrees(
  row: DeviceRow,
  hub: HubHostName,
  registration: RegistrationSeen | undefined,
  closedAgainAt: Instant | undefined,
): boolean {
  const { status, assignedHub, lastUpdatedAt } = registration ?? {};
  const closedAt = Math.max(row.entry.closedAt ?? 0, closedAgainAt ?? 0);
  if (lastUpdatedAt === undefined || lastUpdatedAt <= closedAt) return false;
  if (status === "assigned") return assignedHub === hub && lastUpdatedAt > (row.listed?.registeredAt ?? 0);
  if (closedAgainAt !== undefined && (row.intactAt ?? 0) <= closedAgainAt) return false;
  return status === "disabled" || status === "failed" || status === "unassigned";
}

/** The row with that leaf among those it may go on with. */
export function adopt(row: DeviceRow, leaf: Sha256Thumbprint): DeviceRow {
  if (row.allowed.includes(leaf)) return row;
  return { ...row, allowed: [...row.allowed, leaf], adopted: [...(row.adopted ?? []), leaf] };
}

/** The row without what was adopted: DPS was open in between, so that nobody knows whose leaf it is. */
export function disown({ adopted, ...row }: DeviceRow): DeviceRow {
  return outdated({ ...row, allowed: row.allowed.filter((leaf) => adopted?.includes(leaf) !== true) });
}

/**
 * The row of a device that may have registered since the group's devices were listed, because DPS was open again: a
 * registration may be under way, whatever the list said.
 */
export function outdated(row: DeviceRow): DeviceRow {
  return row.listed === undefined ? row : { ...row, listed: { ...row.listed, assigning: true } };
}
