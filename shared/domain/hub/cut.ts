import type { DeviceFacts } from "../device-facts";
import { addMs, instant, type Instant } from "../instant";
import type { DeviceRow } from "../roll/device-row";
import type { RollTiming } from "../roll/request";
import { newestSession } from "./hub-word";

/** From when on no session of the device can be an old one, as far as the hold goes. */
export function cutAt(row: DeviceRow): Instant {
  const held = Object.values(row.hubs).flatMap((record) => (record.heldAt === undefined ? [] : [record.heldAt]));
  return instant(Math.max(row.entry.closedAt ?? 0, ...held));
}

/**
 * A message that came when every session had to be cut, or a connection that its hub let in: while no new leaf stands in the
 * identity, the message came over a session that survived, and the connection was made with something else than a leaf
 * that this roll knows.
 */
export function outlived(row: DeviceRow, facts: DeviceFacts | undefined, timing: RollTiming): boolean {
  const sessions = Object.values(facts?.hubs ?? {}).map((word) => newestSession(word) ?? 0);
  return (
    Math.max(facts?.lastSeen?.enqueuedAt ?? 0, ...sessions) >
    addMs(cutAt(row), Math.max(timing.pulseHoldMs, timing.settleMs))
  );
}
