import { z } from "zod";
import { AuthorityName, EnrollmentGroupId, Sha256Thumbprint } from "../ids";
import { Instant } from "../instant";

/** A CA that a roll takes out of use. */
export const OldAuthority = z.object({
  sha256Thumbprint: Sha256Thumbprint.optional(),
  /** Its name among the CA certificates of DPS, where it has one. */
  name: AuthorityName.optional(),
  notAfter: Instant.optional(),
});
export type OldAuthority = z.infer<typeof OldAuthority>;

/** The CA that takes over. */
export const Successor = z.object({
  sha256Thumbprint: Sha256Thumbprint,
  /** Its name among the CA certificates of DPS; absent where it stands in a slot of the group only. */
  name: AuthorityName.optional(),
  /** The CA certificate alone. */
  certificatePem: z.string(),
  subject: z.string(),
  notAfter: Instant,
});
export type Successor = z.infer<typeof Successor>;

/**
 * What a CA roll does at DPS, judged once and frozen: later reads may find another world, but the roll is about these
 * certificates and no others.
 */
export const AuthorityPlan = z.object({
  groupId: EnrollmentGroupId,
  authority: z.enum(["intermediate", "root"]),
  family: z.enum(["caReferences", "signingCertificates"]),
  successor: Successor,
  /** What goes when the successor has taken over; in a breach the compromised ones. */
  old: z.array(OldAuthority),
  warnings: z.array(z.string()),
});
export type AuthorityPlan = z.infer<typeof AuthorityPlan>;

/** True if DPS must be shown that somebody holds the new CA's key: for every CA that has a name there. */
export function needsProof({ successor }: AuthorityPlan): boolean {
  return successor.name !== undefined;
}

/**
 * A name for a CA in DPS that brings none: its common name in the characters that names allow, and the beginning of its
 * thumbprint, so that two CAs of one name do not meet.
 */
export function nameFor(commonName: string | undefined, thumbprint: Sha256Thumbprint): AuthorityName {
  const readable = (commonName ?? "ca").replaceAll(/[^A-Za-z0-9._-]+/g, "-").replaceAll(/^-+|-+$/g, "");
  return AuthorityName.parse(`${readable.slice(0, 50)}-${thumbprint.slice(0, 8).toLowerCase()}`.replace(/^-/, "ca-"));
}
