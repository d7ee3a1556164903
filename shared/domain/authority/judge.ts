import type { AuthorityName, EnrollmentGroupId } from "../ids";
import type { Refusal } from "../roll/device-row";
import { SLOTS } from "../inventory/fleet-entries";
import { isSame, type AuthorityIdentity, type GroupSlots } from "./slots";

/** CA certificates that a DPS instance may hold (Microsoft docs: iot-dps limits). */
export const MOST_AUTHORITIES = 25;

/** An enrollment group, as far as a CA roll judges it. */
export interface JudgedGroup {
  readonly groupId: EnrollmentGroupId;
  /** Undefined: it attests by keys or TPM. */
  readonly slots: GroupSlots | undefined;
  readonly updateHubAssignment: boolean;
  readonly credentialPolicyName: string | undefined;
}

/** The new CA's places at DPS. */
export interface SuccessorPlaces {
  readonly identity: AuthorityIdentity;
  /** The name that it has or is to have among the CA certificates; undefined where it needs none. */
  readonly name: AuthorityName | undefined;
  /** A CA certificate of that name is there already. */
  readonly uploaded: boolean;
  /** CA certificates that DPS holds now. */
  readonly authorities: number;
}

/**
 * Why this group's CA cannot be rolled, whatever the new CA is like; undefined if it can. The order of the questions is
 * part of the contract.
 */
export function refuseGroup({ slots, updateHubAssignment, credentialPolicyName }: JudgedGroup): Refusal | undefined {
  if (slots === undefined)
    return {
      code: "attestation-not-x509",
      detail: "the group attests by keys or TPM, and DPS does not let its type change; it has no CA to roll",
    };
  if (credentialPolicyName !== undefined)
    return {
      code: "adr-managed",
      detail: `Azure Device Registry issues this group's leaves (policy ${credentialPolicyName}); roll its CA there`,
    };
  if (!updateHubAssignment)
    return {
      code: "update-hub-assignment-off",
      detail:
        "the group's reprovision policy forbids hub updates, so DPS may not write new leaves into the hub; set updateHubAssignment to true",
    };
  return undefined;
}

/** Why there is no place for the new CA at DPS; undefined if there is. */
export function refusePlaces(
  groupId: EnrollmentGroupId,
  successor: SuccessorPlaces,
  groups: readonly Pick<JudgedGroup, "groupId" | "slots">[],
): Refusal | undefined {
  const { identity, name, uploaded, authorities } = successor;
  const elsewhere = groups.find(
    (group) =>
      group.groupId !== groupId &&
      SLOTS.some((slot) => {
        const held = group.slots?.[slot];
        return held !== undefined && isSame(held, identity);
      }),
  );
  if (elsewhere !== undefined)
    return {
      code: "certificate-in-other-entry",
      detail: `group ${elsewhere.groupId} holds this CA already, and DPS wants a certificate in one entry only; use another CA, or take it out there first`,
    };
  if (name !== undefined && !uploaded && authorities >= MOST_AUTHORITIES)
    return {
      code: "no-free-ca-slot",
      detail: `DPS holds ${authorities} CA certificates, as many as it may; delete one that nothing needs, or ask support for more`,
    };
  return undefined;
}
