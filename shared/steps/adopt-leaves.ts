import { standing, type Identity } from "../domain/hub/allow-set";
import { adopt, adoptedLeaf } from "../domain/hub/adopted-leaf";
import type { DeviceId, HubHostName, RollId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { DeviceRow } from "../domain/roll/device-row";
import { RollError } from "../domain/roll-error";
import type { Entropy } from "../ports/clock";
import type { Enrollments } from "../ports/enrollments";
import { allowSet } from "./identities";
import { orOutage } from "./side-by-side";

export interface AdoptLeavesDeps {
  readonly entropy: Entropy;
  readonly enrollments: Enrollments;
}

/**
 * The row with the leaf that DPS wrote over our sentinels in one of these identities, just read, if it did: see
 * domain/hub/adopted-leaf. Asks DPS only where something stands that nobody allowed. The caller has just seen the device's
 * group closed to the compromised CA; `closedAgainAt` if it had been open in between.
 */
export async function adoptLeaf(
  { entropy, enrollments }: AdoptLeavesDeps,
  rollId: RollId,
  row: DeviceRow,
  deviceId: DeviceId,
  identities: readonly { readonly hub: HubHostName; readonly identity: Identity | undefined }[],
  closedAgainAt?: Instant,
): Promise<DeviceRow | RollError> {
  if (row.leafUnknown !== true) return row;
  const strange = identities.filter(
    ({ hub, identity }) => standing(identity, allowSet(entropy, rollId, { row, hub, deviceId })) === "foreign",
  );
  if (strange.length === 0) return row;
  const reading = await orOutage(enrollments.getRegistration(row.registrationId));
  if (reading instanceof RollError) return reading;
  const registration = reading.outcome === "found" ? reading.registration : undefined;
  return strange.reduce((current, { hub, identity }) => {
    const leaf = identity === undefined ? undefined : adoptedLeaf(row, hub, identity, registration, closedAgainAt);
    return leaf === undefined ? current : adopt(current, leaf);
  }, row);
}
