import type { HeldGroup } from "../contract/group-breach";
import type { BadAuthorities } from "../domain/enrollment/close-group";
import { EnrollmentGroupId, type RollId } from "../domain/ids";
import { strike, thumbprintsOfBad } from "../domain/inventory/breach-reach";
import { isAutomatic } from "../domain/roll/auto-contain";
import type { GroupScope, RollRequest } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { EnrollmentGroup } from "../ports/enrollment-groups";
import type { Registrations } from "../ports/registrations";
import { isAdmitted, nameForApproval, noteAdmitted, type AdmissionDeps } from "./admission";
import { readTrust, type ReadTrustDeps } from "./read-trust";
import { orOutage } from "./side-by-side";

export interface AdmitGroupDeps extends AdmissionDeps, ReadTrustDeps {
  readonly registrations: Registrations;
}

/**
 * Says whether a group may be closed without a person: it counts as all devices that registered through it or through
 * another group that the compromised CA reaches. `approved`: a person has said so. Undefined: it may.
 */
export async function admitGroup(
  deps: AdmitGroupDeps,
  rollId: RollId,
  request: RollRequest,
  o: {
    readonly scope: GroupScope;
    readonly approved: boolean;
    readonly resolve: (group: EnrollmentGroup) => BadAuthorities;
  },
): Promise<HeldGroup | undefined> {
  if (!isAutomatic(request) || (await isAdmitted(deps, rollId))) return undefined;
  if (o.approved) {
    await noteAdmitted(deps, rollId, "all");
    return undefined;
  }
  const devices = await orOutage(countDevices(deps, o));
  // What cannot be counted may be the whole fleet.
  const counted = devices instanceof RollError ? deps.autoContain.perHour + 1 : devices;
  const granted = await deps.autoContain.take({ rollId, devices: counted, whole: true });
  if (granted > 0 || counted === 0) {
    await noteAdmitted(deps, rollId, granted);
    return undefined;
  }
  const { groupId, authority, compromised } = o.scope;
  const { slots = [], thumbprints = [] } = compromised ?? {};
  const planHash = deps.entropy.sha256(JSON.stringify([groupId, authority, slots, thumbprints]));
  await nameForApproval(deps, rollId, planHash);
  const { pollMs, recheckMs, deadline } = request.timing;
  return { planHash, pace: { pollMs, recheckMs, deadline } };
}

interface Concerned {
  readonly scope: GroupScope;
  readonly resolve: (group: EnrollmentGroup) => BadAuthorities;
}

/** Devices of all groups concerned, counted as far as the budget goes and one further. */
async function countDevices(deps: AdmitGroupDeps, o: Concerned): Promise<number> {
  let devices = 0;
  for (const groupId of await groupsConcerned(deps, o)) {
    let cursor: string | undefined;
    do {
      const { items, next } = await deps.registrations.listByGroup(groupId, cursor);
      devices += items.length;
      if (devices > deps.autoContain.perHour) return devices;
      cursor = next;
    } while (cursor !== undefined);
  }
  return devices;
}

async function groupsConcerned(
  deps: AdmitGroupDeps,
  { scope, resolve }: Concerned,
): Promise<readonly EnrollmentGroupId[]> {
  const main = EnrollmentGroupId.parse(scope.groupId.toLowerCase());
  const [reading, graph] = await Promise.all([deps.groups.get(main), readTrust(deps)]);
  // Its devices are listed all the same.
  if (reading.outcome === "missing") return [main];
  const { groups } = strike(graph, thumbprintsOfBad(resolve(reading.group), graph));
  return [...new Set([main, ...groups.map(({ groupId }) => groupId)])];
}
