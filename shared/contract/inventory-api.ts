import { z } from "zod";
import { Finding, InventoryId, InventorySummary, Level, LintCode, LintSeverity } from "../domain/inventory/inventory";

const Time = z.iso.datetime();
const DAY_MS = 86_400_000;

/** Without `before`, what ends within this long is told. */
export const EXPIRING_WITHIN_MS = 90 * DAY_MS;
export const DEFAULT_PAGE = 100;
export const LONGEST_PAGE = 1_000;

const Paging = {
  limit: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, "a whole number from 1 to 1000")
    .refine((text) => Number(text) <= LONGEST_PAGE, "a whole number from 1 to 1000")
    .optional(),
  /** `next` of the page before. */
  after: z
    .string()
    .regex(/^\d{8}T\d{9}Z-[0-9a-f]{8}\.\d{1,7}$/, "the `next` of an earlier page")
    .optional(),
};

/** `GET /api/inventory/expiring` */
export const ExpiringQuery = z.strictObject({
  before: z.iso.datetime({ offset: true }).optional(),
  level: Level.optional(),
  ...Paging,
});
/** `GET /api/inventory/lints`; not `code`, which is the Functions host's own parameter. */
export const LintsQuery = z.strictObject({ lint: LintCode.optional(), severity: LintSeverity.optional(), ...Paging });
/** `GET /api/blast-radius`: exactly one of the three. */
export const BlastRadiusQuery = z
  .strictObject({
    /** SHA-256 of a CA certificate or a leaf, or SHA-1 of a leaf, in hex. */
    thumbprint: z
      .string()
      .regex(/^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$/, "64 or 40 hex digits")
      .optional(),
    /** A CA certificate's name in DPS. */
    ca: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}$/, "a CA certificate's name in DPS")
      .optional(),
    /** A registration id or a hub device id. */
    device: z
      .string()
      .regex(/^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/, "a registration id or a device id")
      .optional(),
    ...Paging,
  })
  .refine(
    ({ thumbprint, ca, device }) => [thumbprint, ca, device].filter((one) => one !== undefined).length === 1,
    "give exactly one of thumbprint, ca, device",
  );

/** Which inventory answers, and what else there is of it. */
/** What every answer of an inventory begins with. */
export const FromInventory = {
  inventoryId: InventoryId,
  /** When the inventory was begun: nothing that happened later is in the answer. */
  takenAt: Time,
  /** Give it back as `after` for the next page, which comes from the same inventory; absent on the last. */
  next: z.string().optional(),
};

export const ExpiringView = z.object({
  ...FromInventory,
  before: Time,
  counts: z.object({ root: z.int(), intermediate: z.int(), leaf: z.int() }),
  /** Devices whose leaf's end is not known: a group's leaves are known to the devices only. */
  leavesOfUnknownEnd: z.int(),
  /** Soonest first. */
  certificates: z.array(
    z.object({
      level: Level,
      notAfter: Time,
      sha256Thumbprint: z.string(),
      at: z.enum(["ca", "group", "enrollment", "device"]),
      id: z.string(),
      slot: z.enum(["primary", "secondary"]).optional(),
    }),
  ),
});
export type ExpiringView = z.infer<typeof ExpiringView>;

export const LintsView = z.object({
  ...FromInventory,
  /** By code, of the whole inventory. */
  counts: z.record(z.string(), z.int()),
  findings: z.array(Finding),
});
export type LintsView = z.infer<typeof LintsView>;

const Certainty = z.enum(["certain", "possible"]);

export const BlastRadiusView = z.object({
  ...FromInventory,
  target: z.object({ kind: z.enum(["ca", "leaf", "device"]), id: z.string() }),
  devices: z.object({ certain: z.int(), possible: z.int() }),
  hubs: z.array(z.object({ hub: z.string(), devices: z.int(), enabled: z.int() })),
  /**
   * `holds`: it stands in a slot; `below`: the group's CA was issued by it; `possible`: not all of its issuers are
   * known; `through`: lets its leaves in by a CA above it.
   */
  groups: z.array(z.object({ groupId: z.string(), how: z.enum(["holds", "below", "possible", "through"]) })),
  /** Other CA certificates of DPS that it issued. */
  authorities: z.array(z.string()),
  /** Groups that need it though they do not name it. */
  implicitlyAnchored: z.array(z.object({ groupId: z.string(), sole: z.boolean(), certainty: Certainty })),
  /** For an intermediate: how to make it useless; see docs/inventory.md. */
  remedies: z.array(
    z.object({
      variant: z.enum(["replace-in-place", "disable-and-copy", "deny-group", "closed"]),
      groupId: z.string().optional(),
      higher: z.string().optional(),
      missingIssuers: z.array(z.string()).optional(),
    }),
  ),
  /** By name. */
  struck: z.array(
    z.object({
      device: z.string(),
      certainty: Certainty,
      registrationId: z.string().optional(),
      groupId: z.string().optional(),
      hubs: z.array(z.string()),
    }),
  ),
});
export type BlastRadiusView = z.infer<typeof BlastRadiusView>;

/** `GET /api/inventory/{inventoryId}` */
export const InventoryView = z.object({
  inventoryId: InventoryId,
  state: z.enum(["begun", "finished"]),
  startedAt: Time,
  finishedAt: Time.optional(),
  counts: InventorySummary.shape.counts.optional(),
  unreadableAuthorities: z.array(z.string()).optional(),
});
export type InventoryView = z.infer<typeof InventoryView>;

/** `GET /api/inventory`, newest first. */
export const InventoryList = z.object({ inventories: z.array(InventoryView) });
export type InventoryList = z.infer<typeof InventoryList>;
