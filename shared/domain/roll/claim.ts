import { z } from "zod";
import { RollId, Sha256Thumbprint, Slot } from "../ids";

/** What a roll can claim for itself: a registration, an enrollment group, a CA certificate of DPS. */
export const ClaimKind = z.enum(["device", "group", "ca"]);
export type ClaimKind = z.infer<typeof ClaimKind>;

/** Which credentials of a device a breach is about; absent where it is all of them. */
export const ClaimScope = z.object({
  slots: z.array(Slot),
  /** The compromised leaf, where the alert brought it. */
  leaf: Sha256Thumbprint.optional(),
});
export type ClaimScope = z.infer<typeof ClaimScope>;

/** Who has a target, and how much it weighs. */
export const Claim = z.object({
  rollId: RollId,
  /** As `priorityOf` says: 0 expiry, above that breaches. */
  priority: z.int().nonnegative(),
  /** The batch that has its row; absent for groups and CAs. */
  batch: z.int().nonnegative().optional(),
  scope: ClaimScope.optional(),
});
export type Claim = z.infer<typeof Claim>;

/** A roll that had a target, and the one that took it: for the loser it is gone, even when the taker has given it up. */
export const LostClaim = z.object({ from: RollId, to: RollId });
export type LostClaim = z.infer<typeof LostClaim>;

/** Far more takeovers of one target than there can be open rolls that want it. */
const REMEMBERED = 16;

/** What is remembered once `to` has taken a target from `from`; the oldest losers are forgotten. */
export function withLoss(lost: readonly LostClaim[] = [], loss: LostClaim): LostClaim[] {
  return [...lost, loss].slice(-REMEMBERED);
}

/** The roll that took the target from this one, whoever has it now. */
export function takerFrom(lost: readonly LostClaim[] = [], rollId: RollId): RollId | undefined {
  return lost.find(({ from }) => from === rollId)?.to;
}

/**
 * May the newcomer take a target that an open roll holds? A weightier roll may. Of two breaches of the same weight the newer
 * one may if it names a credential that the older does not; else the older one cuts that off already.
 */
export function takesOver(newcomer: Claim, holder: Claim): boolean {
  if (newcomer.priority !== holder.priority) return newcomer.priority > holder.priority;
  return newcomer.priority > 0 && !isWithin(newcomer.scope, holder.scope);
}

function isWithin(scope: ClaimScope | undefined, other: ClaimScope | undefined): boolean {
  if (other === undefined) return true;
  if (scope === undefined) return false;
  return (
    scope.slots.every((slot) => other.slots.includes(slot)) && (scope.leaf === undefined || scope.leaf === other.leaf)
  );
}
