import type { EnrollmentGroupId, RollId, Sha256Thumbprint } from "../domain/ids";
import type { DeviceRow } from "../domain/roll/device-row";
import { RollError } from "../domain/roll-error";
import type { Authorities } from "../ports/authorities";
import type { CertificateReader, TrustedAuthority } from "../ports/certificates";
import type { RollBlobs } from "../ports/stores";
import { knownBad, type GroupGuardDeps } from "./group-guard";
import { orOutage } from "./side-by-side";

export interface ProveChainDeps extends GroupGuardDeps {
  readonly blobs: RollBlobs;
  readonly authorities: Authorities;
  readonly certificates: CertificateReader;
}

/** True if the chain that a device reported may carry it on. */
export type ChainRule = (row: DeviceRow, chainPem: string) => boolean;

/**
 * The rule for the chains of a batch's devices. For devices of a group: the chain leads to no CA that the roll calls
 * compromised, and to one that DPS holds as verified, because the compromised one may be gone from everywhere but the
 * chain. While it cannot be read what DPS holds, no chain is good.
 */
export async function createChainRule(
  deps: ProveChainDeps,
  rollId: RollId,
  rows: readonly DeviceRow[],
): Promise<ChainRule> {
  const groups = [...new Set(rows.flatMap(({ group }) => (group === undefined ? [] : [group])))];
  if (groups.length === 0) return () => true;
  const known = await orOutage(knownAuthorities(deps, rollId));
  if (known instanceof RollError) return ({ group }) => group === undefined;
  const bad = new Map<EnrollmentGroupId, readonly Sha256Thumbprint[]>();
  for (const groupId of groups) bad.set(groupId, await badOf(deps, rollId, groupId, known.all));
  return ({ group }, chainPem) => {
    if (group === undefined) return true;
    const reading = deps.certificates.readChain(chainPem);
    if (reading.outcome !== "read") return false;
    const wrong = bad.get(group) ?? [];
    const trusted = known.verified.filter(({ sha256Thumbprint }) => !wrong.includes(sha256Thumbprint));
    return (
      wrong.every((ca) => !reading.chain.chainsTo(ca, known.all)) && reading.chain.anchoredIn(trusted) !== undefined
    );
  };
}

interface KnownAuthorities {
  /** Those that devices need not present: of DPS, and the compromised ones that came with the request. */
  readonly all: readonly TrustedAuthority[];
  readonly verified: readonly (TrustedAuthority & { readonly sha256Thumbprint: Sha256Thumbprint })[];
}

async function knownAuthorities({ authorities, blobs }: ProveChainDeps, rollId: RollId): Promise<KnownAuthorities> {
  const [held, request] = await Promise.all([authorities.list(), blobs.getRequest(rollId)]);
  const given = request.group?.compromised?.certificatePems ?? [];
  const readable = held.flatMap(({ name, isVerified, certificate }) =>
    certificate === undefined
      ? []
      : [{ name, isVerified, certificatePem: certificate.pem, sha256Thumbprint: certificate.sha256Thumbprint }],
  );
  return {
    all: [...readable, ...given.map((certificatePem) => ({ name: "request", certificatePem }))],
    verified: readable.filter(({ isVerified }) => isVerified),
  };
}

async function badOf(
  { blobs, certificates }: ProveChainDeps,
  rollId: RollId,
  groupId: EnrollmentGroupId,
  known: readonly TrustedAuthority[],
): Promise<Sha256Thumbprint[]> {
  const request = await blobs.getRequest(rollId);
  const seen = (await knownBad({ blobs }, rollId, groupId))?.bad;
  const names = new Set((seen?.names ?? []).map((name) => name.toLowerCase()));
  const named = known
    .filter(({ name }) => names.has(name.toLowerCase()))
    .flatMap(({ certificatePem }) => {
      const reading = certificates.readChain(certificatePem);
      return reading.outcome === "read" ? [reading.chain.leaf.sha256Thumbprint] : [];
    });
  return [...(seen?.thumbprints ?? []), ...(request.group?.compromised?.thumbprints ?? []), ...named];
}
