import { formatInstant, type Instant } from "../instant";
import { addCounts } from "../roll/device-state";
import { ranksOf } from "../roll/exposure";
import type { Roll } from "../roll/roll";
import { EVIDENCE_FORMAT, type EvidenceSeal } from "./lines";
import { rootOf, type EvidenceHashes } from "./merkle";
import type { EvidenceSums, EvidenceTies } from "./page";

/** What follows from the lines alone. */
export type EvidenceTotals = Pick<
  EvidenceSeal,
  "devices" | "counts" | "exposed" | "exposure" | "journal" | "chainHead" | "leaves" | "merkleRoot"
>;

/** Adds pages up; `ties` are those after the last page. */
export function totalsOf(
  ties: EvidenceTies,
  pages: readonly EvidenceSums[],
  hashes: Pick<EvidenceHashes, "node" | "nothing">,
): EvidenceTotals {
  const exposure = ranksOf(pages.flatMap(({ windows }) => windows));
  return {
    devices: pages.reduce((sum, { devices }) => sum + devices, 0),
    counts: addCounts(pages.map(({ counts }) => counts)),
    exposed: pages.reduce((sum, { exposed }) => sum + exposed, 0),
    ...(exposure === undefined ? {} : { exposure }),
    journal: ties.journal,
    chainHead: ties.chainHead,
    leaves: ties.frontier.leaves,
    merkleRoot: rootOf(ties.frontier, hashes),
  };
}

/** The seal of a finished roll. */
export function sealOf(
  { rollId, playbook, source, alertId, reason, requestedBy, requestedAt, containedAt, planHash, ...roll }: Roll,
  totals: EvidenceTotals,
  now: Instant,
): EvidenceSeal {
  return {
    format: EVIDENCE_FORMAT,
    rollId,
    playbook,
    outcome: roll.outcome ?? "partial",
    source,
    alertId,
    reason,
    ...(requestedBy === undefined ? {} : { requestedBy }),
    requestedAt: formatInstant(requestedAt),
    ...(containedAt === undefined ? {} : { containedAt: formatInstant(containedAt) }),
    finishedAt: formatInstant(roll.finishedAt ?? now),
    ...(planHash === undefined ? {} : { planHash }),
    ...totals,
    madeAt: formatInstant(now),
  };
}
