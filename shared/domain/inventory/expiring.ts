import type { Instant } from "../instant";
import type { CaGraph } from "./ca-graph";
import { isSelfIssued, SLOTS, type AuthorityFacts } from "./fleet-entries";
import type { Expiry, Level } from "./inventory";
import type { DeviceRecord } from "./records";

/** CA certificates of the DPS instance and of groups that end before `before`, soonest first. */
export function expiringTrust(graph: CaGraph, before: Instant): Expiry[] {
  const own = graph.entries.authorities.flatMap((authority) =>
    expiry(authority, before, { level: levelOf(authority), at: "ca", id: authority.name }),
  );
  const held = graph.entries.groups.flatMap(({ groupId, trust }) =>
    trust.kind === "signingCertificates"
      ? SLOTS.flatMap((slot) => {
          const certificate = trust[slot];
          return certificate === undefined
            ? []
            : expiry(certificate, before, { level: levelOf(certificate), at: "group", id: groupId, slot });
        })
      : [],
  );
  return [...own, ...held].sort((a, b) => a.notAfter - b.notAfter);
}

/** Leaves of one device that end before `before`: in its enrollment's slots, or the one it says it uses. */
export function expiringLeaves({ key, enrollment, reported }: DeviceRecord, before: Instant): Expiry[] {
  const enrolled = SLOTS.flatMap((slot) => {
    const leaf = enrollment?.[slot];
    return leaf === undefined ? [] : expiry(leaf, before, { level: "leaf", at: "enrollment", id: key, slot });
  });
  const known = enrolled.some(({ sha256Thumbprint }) => sha256Thumbprint === reported?.sha256Thumbprint);
  return reported === undefined || known
    ? enrolled
    : [...enrolled, ...expiry(reported, before, { level: "leaf", at: "device", id: key })];
}

/** True if nobody has told when the leaf ends that the hub lets in: group leaves are known to their devices only. */
export function isEndUnknown({ enrollment, reported, identities }: DeviceRecord): boolean {
  const byCertificate = identities.some(({ authentication }) => authentication === "selfSigned");
  const enrolled = [enrollment?.primary, enrollment?.secondary].some((leaf) => leaf?.notAfter !== undefined);
  return byCertificate && !enrolled && reported === undefined;
}

function expiry(
  certificate: { readonly sha256Thumbprint: Expiry["sha256Thumbprint"]; readonly notAfter?: Instant | undefined },
  before: Instant,
  where: Omit<Expiry, "sha256Thumbprint" | "notAfter">,
): Expiry[] {
  const { sha256Thumbprint, notAfter } = certificate;
  return notAfter === undefined || notAfter >= before ? [] : [{ ...where, sha256Thumbprint, notAfter }];
}

function levelOf(certificate: AuthorityFacts): Level {
  return isSelfIssued(certificate) ? "root" : "intermediate";
}
