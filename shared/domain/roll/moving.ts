import { addMs, type Instant } from "../instant";
import type { DeviceRow } from "./device-row";
import type { RollRequest } from "./request";

/** How long a device may take to change over by itself before it is cut off. */
const DEFAULT_MOVE_MS = 900_000;

/**
 * Containment `reprovision`: the device is trusted to change over, and nothing is written to its identities meanwhile. Only
 * where DPS refuses the old leaf and has the new one, and not for ever: after that it is cut off like the others.
 */
export function isMoving(
  row: DeviceRow,
  { containment, timing }: Pick<RollRequest, "containment" | "timing">,
  now: Instant,
): boolean {
  const { closedAt, state } = row.entry;
  if (containment !== "reprovision" || row.planned === undefined || state !== "closed" || row.broken > 0) return false;
  return closedAt !== undefined && now < addMs(closedAt, timing.moveMs ?? DEFAULT_MOVE_MS);
}
