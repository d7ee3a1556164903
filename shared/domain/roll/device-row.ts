import { z } from "zod";
import { AttemptId, DeviceId, HubHostName, RegistrationId, Sha256Thumbprint, Slot } from "../ids";
import { Instant } from "../instant";

/** Why a replacement was not accepted. It never delays containment. */
export const Refusal = z.object({ code: z.string().min(1), detail: z.string() });
export type Refusal = z.infer<typeof Refusal>;

/** What one hub accepts for the device and what this roll did there. */
export const HubRecord = z.object({
  /** Status before this roll's first write: restored with the release. */
  statusBefore: z.enum(["enabled", "disabled"]).optional(),
  /** Containment round that the present sentinels belong to; 0 = nothing written yet. */
  round: z.int().nonnegative(),
  /** Moment after which the hub answered that the identity is disabled and holds sentinels. */
  heldAt: Instant.optional(),
  releasedAt: Instant.optional(),
  /** What this roll last wrote into the thumbprints: tells whether a later value came from DPS. */
  lastWrite: z.enum(["none", "sentinel", "as-read"]),
  /** The identity does not exist in this hub: nothing to contain there. */
  absent: z.boolean(),
});
export type HubRecord = z.infer<typeof HubRecord>;

/** One attempt to make the device report; written before the first send. */
export const Attempt = z.object({
  attemptId: AttemptId,
  /** 32 hex digits; the device signs it. */
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
  startedAt: Instant,
  /** The device acknowledged the command. */
  acknowledgedAt: Instant.optional(),
});
export type Attempt = z.infer<typeof Attempt>;

/** Everything one roll knows about one device. */
export const DeviceRow = z.object({
  registrationId: RegistrationId,
  compromisedSlots: z.array(Slot),
  /** The hub device id: the entry's own, the registration record's, or the registration id. */
  deviceId: DeviceId.optional(),
  /** Thumbprints that must open nothing any more, resolved from the slots at the first read. */
  bad: z.array(Sha256Thumbprint),
  /** Leaves the device may go on with: the planned one and those in the entry that nobody named as compromised. */
  allowed: z.array(Sha256Thumbprint),
  /** The accepted new leaf. */
  planned: z.object({ sha256Thumbprint: Sha256Thumbprint, notAfter: Instant }).optional(),
  refusal: Refusal.optional(),
  /** Why the replacement could not be judged yet; it is tried again while the roll is open. */
  replacementPending: z.string().optional(),
  /** Codes that do not stop anything but belong in the report. */
  warnings: z.array(z.string()),
  /** The DPS entry. */
  entry: z.object({
    state: z.enum(["open", "closed", "missing", "refused"]),
    /** The service's own timestamp of the closing write: the anchor that proofs are measured from. */
    closedAt: Instant.optional(),
    /** `true`: no healthy leaf was left, the entry itself is disabled. */
    disabled: z.boolean(),
    /** This roll disabled it, so this roll may enable it again; an operator's `disabled` is left alone. */
    disabledByUs: z.boolean().optional(),
  }),
  hubs: z.record(HubHostName, HubRecord),
  containedAt: Instant.optional(),
  /** Fresh reads that did not show containment, since the last one that did. */
  rereads: z.int().nonnegative(),
  unconfirmed: z.string().optional(),
  /** How often containment was found broken after it had been claimed. */
  broken: z.int().nonnegative(),
  attempts: z.int().nonnegative(),
  attempt: Attempt.optional(),
  /** Rules of the proof that the last judgement found unmet. */
  missing: z.string().optional(),
  proof: z.object({ provenAt: Instant, attemptId: AttemptId, rules: z.array(z.string()) }).optional(),
  failed: z.object({ reason: z.string(), detail: z.string() }).optional(),
  /** Left alone, with the reason, such as `claimed-by 2026…-1f0c9a3e`. */
  skipped: z.string().optional(),
});
export type DeviceRow = z.infer<typeof DeviceRow>;
