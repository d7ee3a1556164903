import type { deleteAuthority } from "../contract/authority-activities";
import type { AuthorityPlan, OldAuthority } from "../domain/authority/plan";
import { refuseDeletion } from "../domain/authority/retire";
import type { OldAuthorityStanding, RollTrust } from "../domain/authority/roll-trust";
import { slotsWith } from "../domain/authority/slots";
import type { AuthorityName, RollId } from "../domain/ids";
import { implicitlyAnchored } from "../domain/inventory/ca-reach";
import type { Refusal } from "../domain/roll/device-row";
import { RollError } from "../domain/roll-error";
import type { Authority } from "../ports/authorities";
import { findAuthority, frozenPlan, noteTrust, slotsOf } from "./authority-world";
import { allGroups } from "./pages";
import { refuseSuperseded } from "./claim-trust";
import { journalled } from "./journalled";
import { readTrust } from "./read-trust";
import { PASSES, type GroupTrustDeps } from "./stage-authority";
import type { Step } from "./step";

/**
 * Deletes the old CA certificates that nothing stands on any more, each by the version just read, and reads again. One that
 * DPS refuses to let go, or that somebody replaced by another certificate under its name, is kept and named.
 */
export function createDeleteAuthority(deps: GroupTrustDeps): Step<typeof deleteAuthority> {
  return async ({ rollId, leaning }) => {
    const plan = await frozenPlan(deps.blobs, rollId);
    let kept: Refusal | undefined;
    for (const old of plan.old) {
      const refusal = await retire(deps, rollId, plan, old, leaning);
      kept ??= refusal;
      await noteTrust(deps.rolls, rollId, (trust) => withStanding(trust, old, refusal));
    }
    return kept === undefined ? { outcome: "retired" } : { outcome: "kept", code: kept.code };
  };
}

/** Undefined once fresh reads show that no group holds the CA, and that DPS has it no more. */
async function retire(
  deps: GroupTrustDeps,
  rollId: RollId,
  plan: AuthorityPlan,
  old: OldAuthority,
  leaning: number,
): Promise<Refusal | undefined> {
  for (let pass = 1; pass <= PASSES; pass += 1) {
    const [authorities, groups] = await Promise.all([deps.authorities.list(), allGroups(deps.groups)]);
    const holders = groups
      .filter((group) => {
        const slots = slotsOf(group, authorities);
        return slots !== undefined && slotsWith(slots, old).length > 0;
      })
      .map(({ groupId }) => groupId);
    const held = old.name === undefined ? undefined : findAuthority(authorities, old.name);
    if (held === undefined || isAnother(held, old))
      return refuseDeletion({ references: holders, anchored: [], leaning: 0 });
    if (held.name.toLowerCase() === plan.successor.name?.toLowerCase()) return SUCCESSOR_ITSELF;
    const refusal = refuseDeletion({ references: holders, anchored: await anchoredIn(deps, old), leaning });
    if (refusal !== undefined) return refusal;
    const superseded = await refuseSuperseded(deps.targetClaims, rollId, plan);
    if (superseded !== undefined) return superseded;
    const write = { step: "delete-authority", target: `ca ${held.name}`, action: "delete", guard: held.etag };
    const answer = await journalled(deps, rollId, write, () => deps.authorities.delete(held.name, held.etag));
    if (answer.outcome === "refused") return { code: "authority-referenced", detail: answer.detail };
  }
  throw new RollError(
    "service-unavailable",
    `the CA certificate "${old.name ?? ""}" was written by others each time`,
    true,
  );
}

/** Somebody put another certificate under the old one's name. Where DPS shows none, the name must do. */
function isAnother({ certificate }: Authority, { sha256Thumbprint }: OldAuthority): boolean {
  return (
    certificate !== undefined && sha256Thumbprint !== undefined && certificate.sha256Thumbprint !== sha256Thumbprint
  );
}

/** Groups that lean on the CA without naming it and have nothing else to lean on. */
async function anchoredIn(deps: GroupTrustDeps, { sha256Thumbprint }: OldAuthority): Promise<readonly string[]> {
  if (sha256Thumbprint === undefined) return [];
  return implicitlyAnchored(await readTrust(deps), sha256Thumbprint)
    .filter(({ sole }) => sole)
    .map(({ groupId }) => groupId);
}

function withStanding(
  trust: RollTrust,
  { sha256Thumbprint, name }: OldAuthority,
  refusal: Refusal | undefined,
): RollTrust {
  const standing: Pick<OldAuthorityStanding, "state" | "why"> =
    refusal === undefined ? { state: "retired" } : { state: "kept", why: refusal.detail.slice(0, 1_000) };
  return {
    ...trust,
    old: trust.old.map((old) =>
      old.sha256Thumbprint === sha256Thumbprint && sameName(old.name, name) ? { ...old, ...standing } : old,
    ),
  };
}

function sameName(a: AuthorityName | undefined, b: AuthorityName | undefined): boolean {
  return a?.toLowerCase() === b?.toLowerCase();
}

const SUCCESSOR_ITSELF: Refusal = {
  code: "name-taken",
  detail: "the new CA stands under the old one's name; there is nothing to delete",
};
