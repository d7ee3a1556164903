import { z } from "zod";
import { FrozenPlan, LockedOut, PlanPace, PlannedAuthority } from "../domain/plan/roll-plan";

const Time = z.iso.datetime();

/** The answer of `GET /api/rolls/{rollId}/plan`: the plan as it was frozen, times as text. */
export const PlanView = FrozenPlan.omit({ version: true }).extend({
  plannedAt: Time,
  /** `ready` to be carried out, or refused for the reasons under `refusals`. */
  outcome: z.enum(["ready", "refused"]),
  /** How many devices the roll is about, and how many of them it works on. */
  devices: z.int(),
  changing: z.int(),
  found: FrozenPlan.shape.found.extend({ firstNotAfter: Time.optional() }),
  authorities: z.array(PlannedAuthority.extend({ notAfter: Time.optional() })),
  lockedOut: z.array(LockedOut),
  pace: PlanPace.extend({ expectedEnd: Time.optional() }),
});
export type PlanView = z.infer<typeof PlanView>;
