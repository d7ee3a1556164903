import type { RollId } from "../domain/ids";
import type { Claim, ClaimKind, ClaimScope } from "../domain/roll/claim";

/**
 * Who writes what: a device, group or CA belongs to at most one open roll. Throws `RollError` (`service-unavailable`) when
 * the storage does not answer.
 */
export interface TargetClaims {
  /**
   * Claims targets for a roll, in sorted order. Free ones are taken; those of another roll are taken where `takesOver` says
   * so, and that roll's `takeovers` grow before this answers; what a roll has lost it never takes back. Safe to run twice: what is the roll's own stays so, and is
   * listed as taken from where it once came.
   */
  claim(
    claimant: Omit<Claim, "scope">,
    kind: ClaimKind,
    targets: readonly { readonly id: string; readonly scope?: ClaimScope }[],
  ): Promise<ClaimAnswer>;
  /** Who has these now; free ones are left out. */
  holders(kind: ClaimKind, ids: readonly string[]): Promise<ReadonlyMap<string, Claim>>;
  /**
   * Those of these targets that another roll has taken from this one, and which. It stays so when the other one has given
   * them up: what it did there is not known here.
   */
  takers(rollId: RollId, kind: ClaimKind, ids: readonly string[]): Promise<ReadonlyMap<string, RollId>>;
  /** How often targets of this roll were taken over; while it is 0 everything that was claimed is still the roll's. */
  takeovers(rollId: RollId): Promise<number>;
  /** Gives up the roll's own claims on these; others' are left alone. */
  release(rollId: RollId, kind: ClaimKind, ids: readonly string[]): Promise<void>;
}

export interface ClaimAnswer {
  /** Targets that stay another roll's. */
  readonly held: ReadonlyMap<string, Claim>;
  /** Targets taken from another roll, with its claim as it was. */
  readonly superseded: ReadonlyMap<string, Claim>;
}
