import type { DeviceId, HubHostName } from "../domain/ids";
import type { RegistrationEvidence } from "../domain/proof/judge";
import type { DeviceRow } from "../domain/roll/device-row";
import { RollError } from "../domain/roll-error";
import type { Enrollments } from "../ports/enrollments";
import type { HubIdentity, Hubs } from "../ports/hubs";
import { orOutage } from "./side-by-side";

export interface ChangeEvidenceDeps {
  readonly hubs: Hubs;
  readonly enrollments: Enrollments;
}

export type Identities = ReadonlyMap<HubHostName, HubIdentity | undefined>;

/** Fresh reads of the device in every linked hub; undefined if one of them does not answer. */
export async function readEverywhere(hubs: Hubs, deviceId: DeviceId): Promise<Identities | undefined> {
  const identities = new Map<HubHostName, HubIdentity | undefined>();
  for (const hub of hubs.hostNames) {
    const reading = await orOutage(hubs.hub(hub).readIdentity(deviceId));
    if (reading instanceof RollError) return undefined;
    identities.set(hub, reading.outcome === "found" ? reading.identity : undefined);
  }
  return identities;
}

/** What hubs and DPS say of the device now; undefined if one of them does not answer. */
export async function readChange(
  { hubs, enrollments }: ChangeEvidenceDeps,
  row: DeviceRow,
): Promise<{ readonly hubs: Identities; readonly registration: RegistrationEvidence | undefined } | undefined> {
  if (row.deviceId === undefined) return undefined;
  const identities = await readEverywhere(hubs, row.deviceId);
  if (identities === undefined) return undefined;
  const reading = await orOutage(enrollments.getRegistration(row.registrationId));
  if (reading instanceof RollError) return undefined;
  return { hubs: identities, registration: reading.outcome === "found" ? reading.registration : undefined };
}
