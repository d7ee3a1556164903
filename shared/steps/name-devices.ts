import { guessName, likelyName, nameDevice } from "../domain/hub/guess";
import { DeviceId } from "../domain/ids";
import type { DeviceRow } from "../domain/roll/device-row";
import { RollError } from "../domain/roll-error";
import type { Enrollments } from "../ports/enrollments";
import type { BatchWork } from "./batch-work";
import { mapSideBySide, orOutage } from "./side-by-side";

/**
 * Finds the hub's name of each device that has none yet. The registration record's word counts before the entry's, which
 * may have been changed since; the entry's before the registration id. While DPS does not answer for one of the two that
 * could still say otherwise, the device goes under a guess.
 */
export async function nameDevices(
  { enrollments }: { readonly enrollments: Enrollments },
  work: BatchWork,
  unnamed: readonly DeviceRow[],
): Promise<void> {
  await mapSideBySide(unnamed, async (row) => {
    const reading = await orOutage(enrollments.getRegistration(row.registrationId));
    const guess = likelyName(row, DeviceId.parse(row.registrationId));
    const recorded =
      !(reading instanceof RollError) && reading.outcome === "found" ? reading.registration.deviceId : undefined;
    const entryIsRead = row.nameInEntry !== undefined || row.entry.state === "missing";
    const name = recorded ?? (!(reading instanceof RollError) && entryIsRead ? guess : undefined);
    work.set(name === undefined ? guessName(row, guess) : nameDevice(row, name));
  });
}
