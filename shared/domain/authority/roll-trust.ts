import { z } from "zod";
import { AuthorityName, Sha256Thumbprint } from "../ids";
import { Instant } from "../instant";
import { Refusal } from "../roll/device-row";

/** An old CA on its way out. `kept`: it stays in DPS, because something else stands on it. */
export const OldAuthorityStanding = z.object({
  sha256Thumbprint: Sha256Thumbprint.optional(),
  name: AuthorityName.optional(),
  state: z.enum(["in-group", "out-of-group", "retired", "kept"]),
  /** Why it is kept, for people: names of what stands on it. */
  why: z.string().max(1_000).optional(),
});
export type OldAuthorityStanding = z.infer<typeof OldAuthorityStanding>;

/** What somebody has to sign to show that he holds the new CA's key. The code is no secret. */
export const AwaitedPossession = z.object({
  authorityName: AuthorityName,
  /** Common name of the verification certificate. */
  verificationCode: z.string(),
  since: Instant,
});
export type AwaitedPossession = z.infer<typeof AwaitedPossession>;

/** The part of a roll's header that tells how a CA roll stands at DPS. */
export const RollTrust = z.object({
  /** Why the new CA is not, or not yet, in the group. In a breach the group stays closed meanwhile. */
  refusal: Refusal.optional(),
  successor: z
    .object({ sha256Thumbprint: Sha256Thumbprint, name: AuthorityName.optional(), notAfter: Instant })
    .optional(),
  possession: AwaitedPossession.optional(),
  /** The service's own timestamp of the write that put the new CA into the group, where this roll made it. */
  stagedAt: Instant.optional(),
  old: z.array(OldAuthorityStanding),
  /** Stop nothing, but belong in the report. */
  warnings: z.array(z.string()),
});
export type RollTrust = z.infer<typeof RollTrust>;
