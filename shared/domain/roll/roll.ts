import { z } from "zod";
import { RollId } from "../ids";
import { Instant } from "../instant";
import { DeviceCounts } from "./device-state";

/** Where a roll stands. `containing`: old credentials are being cut. `awaiting`: contained, devices heal themselves. */
export const RollPhase = z.enum(["requested", "containing", "awaiting", "finished"]);
export type RollPhase = z.infer<typeof RollPhase>;

/** Milliseconds between the request and the moment a device's old credential was shown to open nothing. */
export const Exposure = z.object({ p50Ms: z.number(), p95Ms: z.number(), maxMs: z.number() });
export type Exposure = z.infer<typeof Exposure>;

/** The roll's header row: what operators see in a list. */
export const Roll = z.object({
  rollId: RollId,
  playbook: z.literal("individual-breach"),
  phase: RollPhase,
  source: z.string(),
  alertId: z.string(),
  reason: z.string(),
  requestedAt: Instant,
  devices: z.int().positive(),
  batches: z.int().positive(),
  containedAt: Instant.optional(),
  finishedAt: Instant.optional(),
  /** `completed`: every device proven. `partial`: closed at the deadline or with devices that cannot be rolled. */
  outcome: z.enum(["completed", "partial"]).optional(),
  /** Final counts, written when the roll is finished; until then they are summed from the batches. */
  counts: DeviceCounts.optional(),
  exposure: Exposure.optional(),
});
export type Roll = z.infer<typeof Roll>;
