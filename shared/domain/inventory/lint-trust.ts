import { formatInstant, type Instant } from "../instant";
import { heldIn } from "./ca-changes";
import type { CaGraph } from "./ca-graph";
import { implicitlyAnchored, reachOfCa } from "./ca-reach";
import { SLOTS, type AuthorityFacts, type DpsAuthority, type GroupEntry } from "./fleet-entries";
import type { Finding, LintCode, LintSeverity, LintSubject } from "./inventory";

/** Documented limits of one DPS instance (Microsoft docs: iot-dps-limits); support can raise them. */
export const DPS_LIMITS = { authorities: 25, groups: 100, enrollments: 1_000_000, registrations: 1_000_000 } as const;

/** How much of a limit may be used before it is worth a word. */
const NEAR = 0.9;

/** Days before its end from which on a CA certificate is called expiring: time enough to roll a fleet. */
export const CA_WARNING_DAYS = 90;
const DAY_MS = 86_400_000;

/** Everything worth knowing about CA certificates and groups. Pure; findings come in a stable order. */
export function lintTrust(graph: CaGraph, now: Instant): Finding[] {
  return [
    ...graph.entries.authorities.flatMap((authority) => lintAuthority(graph, authority, now)),
    ...graph.entries.groups.flatMap((group) => lintGroup(graph, group, now)),
    ...certificatesInTwoGroups(graph),
  ];
}

export function lintLimits(used: Readonly<Record<keyof typeof DPS_LIMITS, number>>): Finding[] {
  const names = ["authorities", "groups", "enrollments", "registrations"] as const;
  return names
    .filter((name) => used[name] >= DPS_LIMITS[name] * NEAR)
    .map((name) =>
      finding(
        "near-limit",
        "warning",
        { kind: "limit", id: name },
        `${used[name]} of ${DPS_LIMITS[name]} ${name} are in use; a roll needs room for the new beside the old`,
      ),
    );
}

function lintAuthority(graph: CaGraph, authority: DpsAuthority, now: Instant): Finding[] {
  const subject: LintSubject = { kind: "ca", id: authority.name };
  const leaning = implicitlyAnchored(graph, authority.sha256Thumbprint).filter(({ sole }) => sole);
  const { holding, below, authorities } = reachOfCa(graph, authority.sha256Thumbprint);
  const idle = holding.length + below.length + authorities.length + leaning.length === 0;
  return [
    ...lintEnd(authority.notAfter, subject, now, idle ? "info" : "critical"),
    ...leaning.map(({ groupId, certainty }) =>
      finding(
        "implicit-anchor",
        "info",
        subject,
        `group ${groupId} ${certainty === "certain" ? "has" : "may have"} no other verified CA above its certificate, though it does not name this one; deleting it locks the group's devices out`,
      ),
    ),
    ...(idle
      ? [finding("ca-unused", "info", subject, "nothing refers to it or leans on it; it takes up one of 25 places")]
      : []),
  ];
}

function lintEnd(notAfter: Instant | undefined, subject: LintSubject, now: Instant, expired: LintSeverity): Finding[] {
  if (notAfter === undefined || notAfter > now + CA_WARNING_DAYS * DAY_MS) return [];
  const end = formatInstant(notAfter);
  return notAfter <= now
    ? [finding("ca-expired", expired, subject, `it expired at ${end}; roll what hangs on it, then take it out`)]
    : [finding("ca-expiring", "warning", subject, `it expires at ${end}; start an expiry roll`)];
}

function lintGroup(graph: CaGraph, group: GroupEntry, now: Instant): Finding[] {
  const subject: LintSubject = { kind: "group", id: group.groupId };
  const { trust } = group;
  if (trust.kind === "other") return [];
  const [first, second] = SLOTS.map((slot) => heldIn(graph, group, slot));
  const full = first !== undefined && second !== undefined && first !== second;
  return [
    ...(trust.kind === "caReferences" ? SLOTS.flatMap((slot) => lintReference(graph, trust[slot], slot, subject)) : []),
    ...(trust.kind === "signingCertificates"
      ? SLOTS.flatMap((slot) => lintEnd(trust[slot]?.notAfter, subject, now, "critical"))
      : []),
    ...(full
      ? [finding("group-slots-full", "info", subject, "both slots are filled; an expiry roll needs one of them free")]
      : []),
    ...lintAnchor(graph, group, subject),
  ];
}

function lintReference(
  graph: CaGraph,
  name: DpsAuthority["name"] | undefined,
  slot: string,
  subject: LintSubject,
): Finding[] {
  if (name === undefined) return [];
  const authority = graph.named(name);
  if (authority === undefined)
    return [
      finding(
        "dangling-reference",
        "critical",
        subject,
        `its ${slot} slot refers to the CA "${name}", which DPS does not have; nobody registers through it`,
      ),
    ];
  if (authority.isVerified) return [];
  const anchored = isAnchored(graph, authority);
  const then = anchored ? "a verified one stands above it, but verify it" : "nobody registers through it; verify it";
  const detail = `its ${slot} slot refers to the CA "${name}", whose possession was never proven; ${then}`;
  return [finding("unverified-reference", anchored ? "warning" : "critical", subject, detail)];
}

function isAnchored(graph: CaGraph, certificate: AuthorityFacts): boolean {
  return graph.upFrom(certificate).some(({ sha256Thumbprint }) => graph.isVerified(sha256Thumbprint));
}

/** A certificate of the group's own needs a verified CA at or above it. Where only devices know what stands between: silence. */
function lintAnchor(graph: CaGraph, group: GroupEntry, subject: LintSubject): Finding[] {
  if (group.trust.kind !== "signingCertificates") return [];
  return graph.trusted(group).flatMap((thumbprint) => {
    const certificate = graph.authority(thumbprint);
    if (certificate === undefined || graph.gapsAbove(certificate).length > 0) return [];
    return isAnchored(graph, certificate)
      ? []
      : [
          finding(
            "not-anchored",
            "critical",
            subject,
            `no verified CA of this DPS stands above "${certificate.subjectName}"; nobody registers through it`,
          ),
        ];
  });
}

/** DPS documents one entry per certificate; of two, the disabled one decides. */
function certificatesInTwoGroups(graph: CaGraph): Finding[] {
  return graph.all().flatMap(({ sha256Thumbprint, subjectName }) => {
    const [first, ...others] = graph.groupsHolding(sha256Thumbprint);
    return first === undefined || others.length === 0
      ? []
      : [
          finding(
            "certificate-in-two-entries",
            "warning",
            { kind: "group", id: first.groupId },
            `"${subjectName}" also stands in ${others.map(({ groupId }) => groupId).join(", ")}; keep it in one`,
          ),
        ];
  });
}

function finding(code: LintCode, severity: LintSeverity, subject: LintSubject, detail: string): Finding {
  return { code, severity, subject, detail };
}
