import type { DeviceFacts } from "../device-facts";
import { addMs, instant, type Instant } from "../instant";
import type { DeviceRow } from "../roll/device-row";
import type { RollTiming } from "../roll/request";

/** From when on no session of the device can be an old one, as far as the hold goes. */
export function cutAt(row: DeviceRow): Instant {
  const held = Object.values(row.hubs).flatMap((record) => (record.heldAt === undefined ? [] : [record.heldAt]));
  return instant(Math.max(row.entry.closedAt ?? 0, ...held));
}

/**
 * A message that came when every session had to be cut: while no new leaf stands in the identity, it came over one that
 * survived.
 */
export function outlived(row: DeviceRow, facts: DeviceFacts | undefined, timing: RollTiming): boolean {
  if (facts === undefined) return false;
  return facts.lastSeen.enqueuedAt > addMs(cutAt(row), Math.max(timing.pulseHoldMs, timing.settleMs));
}
