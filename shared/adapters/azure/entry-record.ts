import { z } from "zod";
import { Sha256Thumbprint } from "../../domain/ids";
import type { SlotView } from "../../ports/entries";
import { moment } from "./dps-answers";

/** A certificate as DPS shows it (data-plane API 2021-10-01), in entries of both kinds. */
export const CertificateSlot = z.looseObject({
  info: z.looseObject({
    sha256Thumbprint: z.string().toUpperCase().pipe(Sha256Thumbprint),
    subjectName: z.string(),
    issuerName: z.string().nullish(),
    notAfterUtc: z.string().nullish(),
  }),
});
export type CertificateSlot = z.infer<typeof CertificateSlot>;

/** Two slots of certificates; either may be empty. */
export const CertificateSlots = z.looseObject({
  primary: CertificateSlot.nullish(),
  secondary: CertificateSlot.nullish(),
});

/** The product's view of a slot. */
export function slotView(held: CertificateSlot | null | undefined): SlotView | undefined {
  if (!held) return undefined;
  const { sha256Thumbprint, subjectName, issuerName, notAfterUtc } = held.info;
  return { sha256Thumbprint, subjectName, issuerName: issuerName ?? undefined, notAfter: moment(notAfterUtc) };
}

/**
 * A slot to send. DPS never returns a certificate, only `info`, and a slot sent back with `info` alone keeps its
 * certificate (Azure CLI's update of enrollments relies on it).
 */
export function changedSlot(
  held: CertificateSlot | null | undefined,
  change: { readonly kind: "keep" | "clear" } | { readonly kind: "set"; readonly certificatePem: string },
): unknown {
  if (change.kind === "set") return { certificate: change.certificatePem };
  return change.kind === "keep" && held ? { info: held.info } : null;
}

/** Set by the service; the API names them read-only. */
const READ_ONLY = new Set(["registrationState", "createdDateTimeUtc", "lastUpdatedDateTimeUtc"]);

/** A record without what only the service may set, and with its twin as it was given. */
export function writable(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.entries(record).filter(([name]) => !READ_ONLY.has(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, name === "initialTwin" ? withoutEchoes(value) : value]));
}

/** What a new entry takes over from the one it is made like. */
const POLICIES = new Set([
  ...["capabilities", "iotHubHostName", "initialTwin", "reprovisionPolicy"],
  ...["allocationPolicy", "iotHubs", "customAllocationDefinition"],
]);

/** Policies, allocation, hubs, initial twin and capabilities of a record as read. */
export function policiesOf(record: unknown): Record<string, unknown> {
  const read = writable(z.record(z.string(), z.unknown()).parse(record));
  return Object.fromEntries(Object.entries(read).filter(([name]) => POLICIES.has(name)));
}

/** Twin collections come back with `count`, `version` and `metadata` as null; sent back they would be tags of the device. */
function withoutEchoes(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const echoes = new Set(["count", "version", "metadata"]);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, content]) => !(content === null && echoes.has(name)))
      .map(([name, content]) => [name, withoutEchoes(content)]),
  );
}
