import { formatInstant, type Instant } from "../instant";
import type { CaGraph } from "./ca-graph";
import type { Finding, LintCode, LintSeverity } from "./inventory";
import type { DeviceRecord, IdentityRecord } from "./records";
import { issuersOfLeaf } from "./trust";

interface Context {
  readonly graph: CaGraph;
  readonly now: Instant;
}
type Told = readonly [severity: LintSeverity, detail: string];
type Rule = (device: DeviceRecord, context: Context) => readonly Told[];

const rules: readonly (readonly [LintCode, Rule])[] = [
  ["leaf-expired", leafExpired],
  ["leaf-outlives-ca", leafOutlivesCa],
  ["enabled-at-hub-only", enabledAtHubOnly],
  ["hub-leaf-not-in-entry", hubLeafNotInEntry],
  ["identity-at-other-hub", identityAtOtherHub],
  ["identity-without-entry", identityWithoutEntry],
  ["orphaned-registration", orphanedRegistration],
  ["two-entries-for-one-device", twoEntries],
  ["sas-next-to-x509", sasNextToX509],
  ["module-with-keys", moduleWithKeys],
];

/** Everything worth knowing about one device by itself. Pure; findings come in the order of the rules. */
export function lintDevice(device: DeviceRecord, context: Context): Finding[] {
  const subject = { kind: "device", id: device.key } as const;
  return rules.flatMap(([code, rule]) =>
    rule(device, context).map(([severity, detail]): Finding => ({ code, severity, subject, detail })),
  );
}

/** The leaves in the slots of the device's own enrollment; one that stands in both comes once. */
export function enrolledLeaves({
  enrollment,
}: DeviceRecord): NonNullable<NonNullable<DeviceRecord["enrollment"]>["primary"]>[] {
  const held = [enrollment?.primary, enrollment?.secondary].filter((leaf) => leaf !== undefined);
  return held.filter(
    ({ sha256Thumbprint }, at) => held.findIndex((leaf) => leaf.sha256Thumbprint === sha256Thumbprint) === at,
  );
}

/** The thumbprints that open a hub identity; none where it does not authenticate by certificates. */
export function thumbprintsOf({ authentication, primaryThumbprint, secondaryThumbprint }: IdentityRecord): string[] {
  if (authentication !== "selfSigned") return [];
  return [...new Set([primaryThumbprint, secondaryThumbprint].filter((thumbprint) => thumbprint !== undefined))];
}

function leafExpired(device: DeviceRecord, { now }: Context): readonly Told[] {
  const leaves = enrolledLeaves(device);
  const expired = leaves.filter(({ notAfter }) => notAfter !== undefined && notAfter <= now);
  const [first] = expired;
  if (first?.notAfter === undefined) return [];
  return expired.length === leaves.length
    ? [
        [
          "warning",
          `every leaf in its enrollment has expired, the last word at ${formatInstant(first.notAfter)}; enroll a new one`,
        ],
      ]
    : [["info", `a leaf in its enrollment expired at ${formatInstant(first.notAfter)}; its slot can be cleared`]];
}

function leafOutlivesCa(device: DeviceRecord, { graph }: Context): readonly Told[] {
  return enrolledLeaves(device).flatMap((leaf): Told[] => {
    const { notAfter } = leaf;
    if (notAfter === undefined) return [];
    const issuers = issuersOfLeaf(graph, { ...leaf, issuerName: leaf.issuerName ?? "" });
    // Where a CA was reissued, the one that lives longest counts.
    const ends = issuers.map((issuer) => issuer.notAfter);
    if (ends.length === 0 || ends.some((end) => end === undefined || end >= notAfter)) return [];
    return [
      [
        "warning",
        `its leaf is valid until ${formatInstant(notAfter)}, longer than its issuer "${leaf.issuerName ?? ""}"; roll it before the issuer ends`,
      ],
    ];
  });
}

function enabledAtHubOnly({ enrollment, groupId, identities }: DeviceRecord, { graph }: Context): readonly Told[] {
  const group = groupId === undefined ? undefined : graph.group(groupId);
  const disabled = (enrollment ?? group)?.provisioningStatus === "disabled";
  if (!disabled) return [];
  const where = enrollment === undefined ? `its group ${groupId ?? ""}` : "its enrollment";
  return identities
    .filter((identity) => identity.status === "enabled" && identity.authentication !== "none")
    .map(({ hub }): Told => [
      "critical",
      `${where} is disabled, and ${hub} still lets it in; disable the identity too`,
    ]);
}

function hubLeafNotInEntry(device: DeviceRecord): readonly Told[] {
  if (device.enrollment?.attestation !== "x509-client" || device.enrollment.provisioningStatus === "disabled")
    return [];
  const held = new Set<string>(enrolledLeaves(device).map(({ sha256Thumbprint }) => sha256Thumbprint));
  return device.identities
    .filter((identity) =>
      thumbprintsOf(identity).some((thumbprint) => thumbprint.length === 64 && !held.has(thumbprint)),
    )
    .map(({ hub }): Told => [
      "warning",
      `${hub} accepts a certificate that its enrollment does not hold; let it register again, or find out who wrote it`,
    ]);
}

function identityAtOtherHub({ registration, identities }: DeviceRecord): readonly Told[] {
  const assigned = registration?.status === "assigned" ? registration.hub : undefined;
  if (assigned === undefined) return [];
  return identities
    .filter(({ hub, status }) => hub !== assigned && status === "enabled")
    .map(({ hub }): Told => [
      "warning",
      `DPS assigned it to ${assigned}, and ${hub} lets it in too; delete that identity`,
    ]);
}

function identityWithoutEntry({ enrollment, groupId, registration, identities }: DeviceRecord): readonly Told[] {
  return enrollment === undefined && groupId === undefined && registration === undefined && identities.length > 0
    ? [["info", "DPS knows no entry and no registration for it; rolls do not reach it"]]
    : [];
}

function orphanedRegistration(
  { enrollment, groupId, registration }: DeviceRecord,
  { graph }: Context,
): readonly Told[] {
  const entry = enrollment ?? (groupId === undefined ? undefined : graph.group(groupId));
  return registration !== undefined && entry === undefined
    ? [["info", "its registration record outlived the entry it came through; delete the record"]]
    : [];
}

function twoEntries({ alsoEnrolledAs, registrationId }: DeviceRecord): readonly Told[] {
  return alsoEnrolledAs === undefined
    ? []
    : [
        [
          "warning",
          `the enrollments ${[registrationId, ...alsoEnrolledAs].join(", ")} all name this hub device; whoever registers last has it`,
        ],
      ];
}

function sasNextToX509({ enrollment, groupId, identities }: DeviceRecord, { graph }: Context): readonly Told[] {
  const group = groupId === undefined ? undefined : graph.group(groupId);
  const byX509 =
    enrollment === undefined ? group !== undefined && group.trust.kind !== "other" : enrollment.attestation !== "other";
  if (!byX509) return [];
  return identities
    .filter(({ authentication }) => authentication === "sas")
    .map(({ hub }): Told => [
      "warning",
      `it enrolls by X.509, and ${hub} lets it in by shared keys, which no roll replaces; regenerate them or change the identity`,
    ]);
}

function moduleWithKeys({ modules, identities }: DeviceRecord): readonly Told[] {
  if (!identities.some(({ authentication }) => authentication === "selfSigned")) return [];
  return (modules ?? [])
    .filter(({ authentication }) => authentication === "sas")
    .map(({ hub, moduleId }): Told => [
      "info",
      `its module ${moduleId} at ${hub} has shared keys of its own; containing the device does not stop them`,
    ]);
}
