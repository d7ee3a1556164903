import type { RollId } from "../../shared/domain/ids";
import {
  takerFrom,
  takesOver,
  withLoss,
  type Claim,
  type ClaimKind,
  type LostClaim,
} from "../../shared/domain/roll/claim";
import type { ClaimAnswer, TargetClaims } from "../../shared/ports/target-claims";

interface Row {
  readonly holder?: Claim;
  readonly takenFrom?: Claim;
  readonly lost?: readonly LostClaim[];
}

/** Claims on targets without a storage account; passes the same contract suite as the real one. */
export class MemoryTargetClaims implements TargetClaims {
  private readonly rows = new Map<string, Row>();
  private readonly counts = new Map<RollId, number>();

  async claim(
    claimant: Omit<Claim, "scope">,
    kind: ClaimKind,
    targets: Parameters<TargetClaims["claim"]>[2],
  ): Promise<ClaimAnswer> {
    await Promise.resolve();
    const held = new Map<string, Claim>();
    const superseded = new Map<string, Claim>();
    for (const { id, scope } of targets) {
      const mine: Claim = { ...claimant, ...(scope === undefined ? {} : { scope }) };
      const row = this.rows.get(`${kind}|${id}`);
      const holder = row?.holder;
      if (holder === undefined) this.rows.set(`${kind}|${id}`, { ...row, holder: mine });
      else if (holder.rollId === mine.rollId) {
        if (row?.takenFrom !== undefined) superseded.set(id, row.takenFrom);
      } else if (takesOver(mine, holder) && takerFrom(row?.lost, mine.rollId) === undefined) {
        superseded.set(id, holder);
        const lost = withLoss(row?.lost, { from: holder.rollId, to: mine.rollId });
        this.rows.set(`${kind}|${id}`, { holder: mine, takenFrom: holder, lost });
      } else held.set(id, holder);
    }
    for (const rollId of new Set([...superseded.values()].map((claim) => claim.rollId)))
      this.counts.set(rollId, (this.counts.get(rollId) ?? 0) + 1);
    return { held, superseded };
  }

  async holders(kind: ClaimKind, ids: readonly string[]): Promise<ReadonlyMap<string, Claim>> {
    await Promise.resolve();
    return new Map(
      ids.flatMap((id) => {
        const holder = this.rows.get(`${kind}|${id}`)?.holder;
        return holder === undefined ? [] : [[id, holder] as const];
      }),
    );
  }

  async takers(rollId: RollId, kind: ClaimKind, ids: readonly string[]): Promise<ReadonlyMap<string, RollId>> {
    await Promise.resolve();
    return new Map(
      ids.flatMap((id) => {
        const taker = takerFrom(this.rows.get(`${kind}|${id}`)?.lost, rollId);
        return taker === undefined ? [] : [[id, taker] as const];
      }),
    );
  }

  async takeovers(rollId: RollId): Promise<number> {
    await Promise.resolve();
    return this.counts.get(rollId) ?? 0;
  }

  async release(rollId: RollId, kind: ClaimKind, ids: readonly string[]): Promise<void> {
    await Promise.resolve();
    for (const id of ids) {
      const { holder, lost = [] } = this.rows.get(`${kind}|${id}`) ?? {};
      if (holder?.rollId === rollId) this.rows.set(`${kind}|${id}`, { lost });
    }
  }
}
