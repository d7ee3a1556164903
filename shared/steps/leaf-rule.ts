import type { VerifiedReport } from "../domain/device-facts";
import type { RollId } from "../domain/ids";
import type { DeviceRow } from "../domain/roll/device-row";
import type { RollRequest } from "../domain/roll/request";
import type { Authorities } from "../ports/authorities";
import type { CertificateReader, TrustedAuthority } from "../ports/certificates";
import type { RollBlobs } from "../ports/stores";
import { authorityPlan } from "./authority-world";

export interface LeafRuleDeps {
  readonly blobs: RollBlobs;
  readonly certificates: CertificateReader;
  readonly authorities: Authorities;
}

/** Whether a reported leaf is one that the roll is about. */
export type LeafRule = (row: DeviceRow, report: VerifiedReport) => boolean;

/**
 * The roll's rule for new leaves. Where the leaf was known beforehand it is that one. Where devices bring their own, a roll
 * of leaves takes any other than those they had before: the hub has it only because DPS let it in. A roll of a CA takes
 * those whose chain leads to exactly the CA that takes over, and to none that is on its way out.
 */
export async function readLeafRule(deps: LeafRuleDeps, rollId: RollId, { group }: RollRequest): Promise<LeafRule> {
  const ofChain = group === undefined || group.authority === "leaf" ? undefined : await chainRule(deps, rollId);
  return (row, report) => {
    if (row.planned !== undefined && row.planned.sha256Thumbprint !== report.sha256Thumbprint) return false;
    if (ofChain !== undefined) return ofChain(report);
    return row.planned !== undefined || row.before !== undefined;
  };
}

async function chainRule(
  { blobs, certificates, authorities }: LeafRuleDeps,
  rollId: RollId,
): Promise<(report: VerifiedReport) => boolean> {
  const plan = await blobs.findDocument(rollId, authorityPlan);
  if (plan === undefined) return () => false;
  const { successor, old } = plan;
  const held = (await authorities.list()).flatMap(({ name, certificate }): TrustedAuthority[] =>
    certificate === undefined ? [] : [{ name, certificatePem: certificate.pem }],
  );
  const known = [...held, { name: "successor", certificatePem: successor.certificatePem }];
  return ({ chainPem }) => {
    const reading = certificates.readChain(chainPem);
    if (reading.outcome !== "read") return false;
    const { chain } = reading;
    const stillOld = old.some(
      ({ sha256Thumbprint }) => sha256Thumbprint !== undefined && chain.chainsTo(sha256Thumbprint, known),
    );
    return !stillOld && chain.chainsTo(successor.sha256Thumbprint, known);
  };
}
