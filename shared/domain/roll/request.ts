import { z } from "zod";
import { RegistrationId, Slot } from "../ids";
import { Instant } from "../instant";

/**
 * A roll as it was asked for, frozen before it starts: what the alert or operator said, cleaned of everything that must not
 * be kept (private keys above all). Stored as a blob; Durable histories carry only the roll id.
 */
export const RollRequest = z.object({
  playbook: z.literal("individual-breach"),
  /** Who or what asked, such as `soc`, and the alert's own id there. */
  source: z.string().min(1).max(100),
  alertId: z.string().min(1).max(200),
  reason: z.string().max(1_000),
  requestedAt: Instant,
  detectedAt: Instant.optional(),
  targets: z
    .array(
      z.object({
        registrationId: RegistrationId,
        /** The slots whose certificates must go. */
        compromisedSlots: z.array(Slot).min(1).max(2),
        /** PEM of the compromised leaf where the alert has it: lets the plan compare keys. */
        compromisedPem: z.string().optional(),
        replacement: z.discriminatedUnion("kind", [
          /** PEM of the new leaf and its intermediates. */
          z.object({ kind: z.literal("inline"), chainPem: z.string() }),
          z.object({ kind: z.literal("none") }),
          /** The alert held a private key here, or nothing readable; the text was discarded at the door. */
          z.object({
            kind: z.literal("discarded"),
            code: z.enum(["private-key-in-input", "certificate-unreadable"]),
          }),
        ]),
      }),
    )
    .min(1)
    .max(1_000),
  timing: z.object({
    /** How long a hub identity stays disabled at least: the time a live session takes to drop. */
    pulseHoldMs: z.int().nonnegative(),
    /** How long after a closing write a registration accepted before it may still reach the hub. */
    settleMs: z.int().nonnegative(),
    /** Pause between two looks at the devices that have yet to come back. */
    pollMs: z.int().positive(),
    /** Pause between two fresh reads of contained devices. */
    recheckMs: z.int().positive(),
    /** How long a device may take to answer one attempt. */
    attemptMs: z.int().positive(),
    /** The roll closes then at the latest. */
    deadline: Instant,
  }),
});
export type RollRequest = z.infer<typeof RollRequest>;
export type RollTarget = RollRequest["targets"][number];
export type RollTiming = RollRequest["timing"];
