import { z } from "zod";
import { EnrollmentGroupId, RegistrationId, RollId } from "../ids";
import { Instant } from "../instant";
import { Expiry } from "../inventory/inventory";

/** A roll that is due by policy: noted once per version of the policies, target and end of validity. */
export const Proposal = z.object({
  /** SHA-256, upper-case hex, of that triple. */
  key: z.string().length(64),
  policyVersion: z.int().nonnegative(),
  rule: z.string(),
  expiry: Expiry,
  registrationId: RegistrationId.optional(),
  /** For leaves that came through a group, and CA certificates in one. */
  groupId: EnrollmentGroupId.optional(),
  notedAt: Instant,
  /** `proposed`: a person may start it. `starting`: it goes, or went, into the roll of its lot. `started`: that roll runs, or ran. */
  state: z.enum(["proposed", "starting", "started"]),
  /** Names the roll that it was put into, before there is one, and since when. */
  lot: z.object({ id: z.string().max(64), at: Instant }).optional(),
  rollId: RollId.optional(),
});
export type Proposal = z.infer<typeof Proposal>;
