import { z } from "zod";
import { BadAuthorities } from "../domain/enrollment/close-group";
import {
  AuthorityName,
  DeviceId,
  EnrollmentGroupId,
  type HubHostName,
  RegistrationId,
  Sha256Thumbprint,
} from "../domain/ids";
import { Instant } from "../domain/instant";
import { InventoryId } from "../domain/inventory/inventory";
import type { OthersAt } from "../contract/examination";
import { Examined, Preconditions } from "../domain/plan/examined";
import { FrozenPlan } from "../domain/plan/roll-plan";
import { TargetPart, Wave } from "../domain/roll/cut-targets";
import type { Document } from "../ports/stores";

const Guarded = {
  groupId: EnrollmentGroupId,
  /** What must open nothing any more. */
  bad: BadAuthorities,
  /** One of them stood in the group, as far as is known; else the group keeps them out only while it is disabled. */
  heldIt: z.boolean(),
};

/** A group as a breach roll saw it first, before any write of its own. */
export const GroupSeen = z.object({ ...Guarded, provisioningStatus: z.enum(["enabled", "disabled"]) });
export type GroupSeen = z.infer<typeof GroupSeen>;

/** A device's line of an import job, and the containment round that its sentinels belong to. */
export const BulkLine = z.object({
  registrationId: RegistrationId,
  deviceId: DeviceId,
  round: z.int().nonnegative(),
  line: z.string(),
});
export type BulkLine = z.infer<typeof BulkLine>;

/** Everything at DPS that a compromised CA opened, and what stands against it. */
export const BreachReach = z.object({
  /** Groups that were closed, the one of the request first. */
  groups: z.array(
    z.object({
      ...Guarded,
      /** Opened without its bad slots it would not keep their leaves out. */
      shadowed: z.boolean(),
    }),
  ),
  /** Disabled groups of this roll's making: each holds a compromised CA and is matched before any other. */
  denyGroups: z.array(z.object({ groupId: EnrollmentGroupId, authority: Sha256Thumbprint })),
  /** Compromised CA certificates that stand in no group and could not be given one: the group above stays closed. */
  uncovered: z.array(Sha256Thumbprint),
  /** Our deny groups do what the closed group of the request was closed for. */
  mayReopen: z.boolean(),
  /** CA certificates of DPS that are compromised, or issued by one that is. */
  names: z.array(AuthorityName),
});
export type BreachReach = z.infer<typeof BreachReach>;

/** Registrations in the batches from `from` on. */
export const OthersCut = z.object({ from: z.int().nonnegative(), registrationIds: z.array(RegistrationId) });
export type OthersCut = z.infer<typeof OthersCut>;

const GroupReopened = z.object({ foundAt: Instant });
type GroupReopened = z.infer<typeof GroupReopened>;

/** The documents that steps leave for each other, by name and shape. */
export const documents = {
  /** The waves the target list was cut into. */
  waves: { name: "waves", schema: z.array(Wave) },
  groupSeen: (groupId: EnrollmentGroupId): Document<GroupSeen> => ({
    name: `groups/${encodeURIComponent(groupId)}`,
    schema: GroupSeen,
  }),
  /** That the group was found open again after this roll had closed it. */
  groupReopened: (groupId: EnrollmentGroupId): Document<GroupReopened> => ({
    name: `groups-reopened/${encodeURIComponent(groupId)}`,
    schema: GroupReopened,
  }),
  /** What an import job does with a batch's devices at one hub, in one of the two writes. */
  bulkLines: (hub: HubHostName, move: "hold" | "release", batch: number): Document<BulkLine[]> => ({
    name: `imports/${hub}/${move}/${String(batch).padStart(6, "0")}`,
    schema: z.array(BulkLine),
  }),
  breachReach: { name: "breach-reach", schema: BreachReach },
  /** What one batch's plan was made of, and what was found in it. */
  preconditions: (batch: number): Document<Preconditions> => numbered("preconditions", batch, Preconditions),
  examined: (batch: number): Document<Examined> => numbered("examined", batch, Examined),
  /** The findings of some batches together. */
  examinedPage: (page: number): Document<Examined> => numbered("examined-pages", page, Examined),
  plan: { name: "plan", schema: FrozenPlan },
  /** A piece of what was found beside the target list, and which of it was cut into batches. */
  otherPart: (at: OthersAt, part: number): Document<TargetPart> => numbered(`others/${at}`, part, TargetPart),
  othersCut: (at: OthersAt): Document<OthersCut> => ({ name: `others/${at}-cut`, schema: OthersCut }),
  /** The inventory that a CA's breach is examined by. */
  examination: { name: "examination", schema: z.object({ inventoryId: InventoryId, startedAt: Instant }) },
  /** One page of the target list before it is cut. */
  part: (part: number): Document<TargetPart> => numbered("parts", part, TargetPart),
} as const;

function numbered<T>(folder: string, number: number, schema: Document<T>["schema"]): Document<T> {
  return { name: `${folder}/${String(number).padStart(6, "0")}`, schema };
}
