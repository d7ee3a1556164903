import type { Finding } from "../../contract/alerts/finding";
import type { OrderedDevice } from "../../contract/alert";
import { EnrollmentGroupId, Sha256Thumbprint } from "../../domain/ids";
import { addMs, parseInstant, type Instant } from "../../domain/instant";
import type { GroupScope, RollRequest, RollTarget, RollTiming } from "../../domain/roll/request";
import type { CertificateReader, Chain } from "../../ports/certificates";
import { toTarget } from "../../steps/ordered-device";
import type { Resolved } from "./resolve-scope";

export interface ToRequestDeps {
  readonly certificates: CertificateReader;
  readonly timing: Omit<RollTiming, "deadline"> & { readonly deadlineMs: number };
}

/** The roll that an alert asks for, cleaned of private keys, without the devices that nobody knows. */
export function toRequest(
  { certificates, timing: { deadlineMs, ...timing } }: ToRequestDeps,
  finding: Finding,
  { scope, unknown }: Resolved,
  now: Instant,
): RollRequest {
  const detectedAt = finding.detectedAt === undefined ? undefined : parseInstant(finding.detectedAt);
  const left = new Set(unknown.map((id) => id.toLowerCase()));
  const targets = (devices: readonly OrderedDevice[]): RollTarget[] =>
    devices.map((device) => toTarget(certificates, device)).filter(({ registrationId }) => !left.has(registrationId));
  const about = {
    source: finding.source.slice(0, 100),
    alertId: finding.id,
    reason: certificates.readChain(finding.reason).outcome === "private-key" ? REMOVED : finding.reason,
    requestedAt: now,
    ...(detectedAt === undefined ? {} : { detectedAt }),
    timing: { ...timing, deadline: addMs(now, deadlineMs) },
  };
  return scope.kind === "devices"
    ? { playbook: "individual-breach", ...about, targets: targets(scope.devices) }
    : {
        playbook: "group-breach",
        ...about,
        targets: targets(scope.devices ?? []),
        group: toGroup(certificates, scope),
      };
}

const REMOVED = "(removed: the text held a private key)";

/** Certificates that are named stand for themselves, wherever the group holds them; without any, both slots are meant. */
function toGroup(
  certificates: CertificateReader,
  { groupId, authority, slots, thumbprints = [], certificatePems = [] }: Extract<Resolved["scope"], { kind: "group" }>,
): GroupScope {
  const named = certificatePems.flatMap((pem): Chain[] => {
    const reading = certificates.readChain(pem);
    return reading.outcome === "read" ? [reading.chain] : [];
  });
  const all = [
    ...thumbprints.flatMap((text) => Sha256Thumbprint.safeParse(text.toUpperCase()).data ?? []),
    ...named.map(({ leaf }) => leaf.sha256Thumbprint),
  ];
  const which = slots ?? (all.length > 0 ? undefined : (["primary", "secondary"] as const));
  return {
    groupId: EnrollmentGroupId.parse(groupId.toLowerCase()),
    authority,
    compromised: {
      ...(which === undefined ? {} : { slots: [...which] }),
      ...(all.length === 0 ? {} : { thumbprints: [...new Set(all)] }),
      ...(named.length === 0 ? {} : { certificatePems: named.map(({ pem }) => pem) }),
    },
  };
}
