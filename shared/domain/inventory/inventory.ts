import { z } from "zod";
import { AuthorityName, HubHostName, Sha256Thumbprint, Slot } from "../ids";
import { Instant } from "../instant";

/**
 * An inventory's name: the moment when it was begun and eight hex digits, like a roll's; it sorts by time and is safe as an
 * instance id, a blob name and a table key.
 */
export const InventoryId = z
  .string()
  .regex(/^\d{8}T\d{9}Z-[0-9a-f]{8}$/)
  .brand<"InventoryId">();
export type InventoryId = z.infer<typeof InventoryId>;

/** What is wrong or worth knowing; docs/inventory.md explains each code. */
export const LintCode = z.enum([
  "ca-expired",
  "ca-expiring",
  "ca-unreadable",
  "ca-unused",
  "dangling-reference",
  "unverified-reference",
  "not-anchored",
  "implicit-anchor",
  "group-slots-full",
  "near-limit",
  "leaf-expired",
  "leaf-outlives-ca",
  "certificate-in-two-entries",
  "two-entries-for-one-device",
  "shared-leaf-key",
  "enabled-at-hub-only",
  "hub-leaf-not-in-entry",
  "identity-at-other-hub",
  "identity-without-entry",
  "orphaned-registration",
  "sas-next-to-x509",
  "module-with-keys",
]);
export type LintCode = z.infer<typeof LintCode>;

export const LintSeverity = z.enum(["critical", "warning", "info"]);
export type LintSeverity = z.infer<typeof LintSeverity>;

/** What a finding is about. `id`: device key, group id, CA name or thumbprint, or the name of a limit. */
export const LintSubject = z.object({ kind: z.enum(["device", "group", "ca", "limit"]), id: z.string() });
export type LintSubject = z.infer<typeof LintSubject>;

export const Finding = z.object({
  code: LintCode,
  severity: LintSeverity,
  subject: LintSubject,
  /** One sentence: what was found, what to do. */
  detail: z.string(),
});
export type Finding = z.infer<typeof Finding>;

/** Which kind of certificate runs out. */
export const Level = z.enum(["root", "intermediate", "leaf"]);
export type Level = z.infer<typeof Level>;

/** A certificate that runs out, where it stands. */
export const Expiry = z.object({
  level: Level,
  notAfter: Instant,
  sha256Thumbprint: Sha256Thumbprint,
  /** `ca`: an object of the DPS instance; `group`, `enrollment`: a slot of an entry; `device`: as the device said itself. */
  at: z.enum(["ca", "group", "enrollment", "device"]),
  /** CA name, group id, or device key. */
  id: z.string(),
  slot: Slot.optional(),
});
export type Expiry = z.infer<typeof Expiry>;

/** A finished inventory's row. */
export const InventorySummary = z.object({
  inventoryId: InventoryId,
  startedAt: Instant,
  finishedAt: Instant,
  /** Parts that the devices lie in, in the blob store. */
  shards: z.int().positive(),
  counts: z.object({
    authorities: z.int(),
    groups: z.int(),
    enrollments: z.int(),
    registrations: z.int(),
    devices: z.int(),
    modules: z.int(),
    identities: z.array(
      z.object({
        hub: HubHostName,
        enabled: z.int(),
        disabled: z.int(),
        /** `query`: the registry could not be exported; the index may be half an hour behind, and shows no modules. */
        source: z.enum(["export", "query"]),
      }),
    ),
    findings: z.record(z.string(), z.int()),
    /** Devices whose leaf's end nobody has told: a group's leaves are known to the devices only. */
    leavesOfUnknownEnd: z.int(),
    /** Lines of exports that do not have the documented form; their identities are missing here. */
    unreadableLines: z.int(),
  }),
  /** CA certificates that could not be read: what hangs on them is not judged. */
  unreadable: z.array(AuthorityName),
});
export type InventorySummary = z.infer<typeof InventorySummary>;
