import { DeviceId, EnrollmentGroupId, type RegistrationId, type RollId } from "../domain/ids";
import { seenEntry, withWarning, type DeviceRow } from "../domain/roll/device-row";
import { isBreach } from "../domain/roll/playbook";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { EnrollmentGroup, EnrollmentGroups } from "../ports/enrollment-groups";
import type { Enrollments } from "../ports/enrollments";
import { readAuthorities, worldOf, type CloseAtDpsDeps } from "./close-at-dps";
import { findLeaves } from "./find-leaves";
import { judgeForGroup, planRow, withVerdict, type ReplacementWorld } from "./plan-replacement";
import { askSideBySide, orOutage } from "./side-by-side";

export interface PreviewRowsDeps extends Pick<
  CloseAtDpsDeps,
  "authorities" | "certificates" | "policy" | "clock" | "replacements"
> {
  readonly enrollments: Enrollments;
  readonly groups: EnrollmentGroups;
}

interface Device {
  readonly row: DeviceRow;
  readonly target: RollTarget;
}

/**
 * Rows of a breach as containment would make them, where it has not been at work: in a dry run. The same rules judge the
 * replacements, and nothing is kept. Rows of other rolls, and rows that were resolved, stay as they are.
 */
export async function previewRows(
  deps: PreviewRowsDeps,
  rollId: RollId,
  request: RollRequest,
  devices: readonly Device[],
): Promise<readonly DeviceRow[]> {
  const fresh = devices.filter(({ row }) => isBreach(request.playbook) && isUntouched(row));
  if (fresh.length === 0) return devices.map(({ row }) => row);
  const given = fresh.map(({ target }) => target);
  const leaves = await findLeaves(deps.replacements, rollId, request, given, "look");
  const world = worldOf(deps, leaves, await readAuthorities(deps, [...leaves.targets.values()]));
  const known = fresh.map(({ row, target }) => ({ row, target: leaves.targets.get(target.registrationId) ?? target }));
  const judged = new Map<RegistrationId, DeviceRow>();
  if (request.group === undefined) await readEntries(deps, known, world, judged);
  else await judgeMembers(deps, EnrollmentGroupId.parse(request.group.groupId.toLowerCase()), known, world, judged);
  return devices.map(({ row }) => judged.get(row.registrationId) ?? row);
}

/** True while containment has not read the device's entry. */
export function isUntouched({ entry, skipped, nameInEntry }: DeviceRow): boolean {
  return skipped === undefined && entry.state === "open" && nameInEntry === undefined;
}

async function readEntries(
  { enrollments }: PreviewRowsDeps,
  devices: readonly Device[],
  world: ReplacementWorld,
  judged: Map<RegistrationId, DeviceRow>,
): Promise<void> {
  const readings = await askSideBySide(devices, async ({ row: { registrationId } }) => {
    const [entry, record] = await Promise.all([
      enrollments.get(registrationId),
      enrollments.getRegistration(registrationId),
    ]);
    return { entry, registration: record.outcome === "found" ? record.registration : undefined };
  });
  for (const [at, { row, target }] of devices.entries()) {
    const reading = readings[at];
    if (reading === undefined) continue;
    if (reading instanceof RollError) {
      judged.set(row.registrationId, withWarning(row, "entry-unread"));
      continue;
    }
    const { entry, registration } = reading;
    if (entry.outcome === "missing") {
      judged.set(row.registrationId, withWarning(row, "enrollment-missing"));
      continue;
    }
    const { enrollment } = entry;
    const assigned = registration?.assignedHub ?? row.assignedHub;
    judged.set(row.registrationId, {
      ...planRow(row, target, enrollment, world),
      deviceId: registration?.deviceId ?? enrollment.deviceId ?? DeviceId.parse(row.registrationId),
      ...(assigned === undefined ? {} : { assignedHub: assigned }),
      seen: seenEntry(enrollment),
    });
  }
}

/** One read of the group answers for all of its devices. */
async function judgeMembers(
  { groups }: PreviewRowsDeps,
  groupId: EnrollmentGroupId,
  devices: readonly Device[],
  world: ReplacementWorld,
  judged: Map<RegistrationId, DeviceRow>,
): Promise<void> {
  const reading = await orOutage(groups.get(groupId));
  if (reading instanceof RollError || reading.outcome === "missing") return;
  const group: EnrollmentGroup = reading.group;
  for (const { row, target } of devices)
    judged.set(row.registrationId, withVerdict(row, judgeForGroup(target, group, row.bad, world)));
}
