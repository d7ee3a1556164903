import { z } from "zod";
import { RollId } from "../ids";
import { Instant } from "../instant";
import { RollTrust } from "../authority/roll-trust";
import { InventoryId } from "../inventory/inventory";
import { DeviceCounts } from "./device-state";
import { Playbook } from "./playbook";

/**
 * Where a roll stands. `planning`: the target list is made. `awaiting-approval`: a person has to agree. `containing`: old
 * credentials are being cut. `staging`: new trust goes into DPS. `rolling`: devices are told to change over, wave by wave.
 * `awaiting`: contained, devices heal themselves. `retiring`: old trust is taken out.
 */
export const RollPhase = z.enum([
  "requested",
  "planning",
  "awaiting-approval",
  "containing",
  "staging",
  "rolling",
  "awaiting",
  "retiring",
  "finished",
]);
export type RollPhase = z.infer<typeof RollPhase>;

/** Milliseconds between the request and the moment a device's old credential was shown to open nothing. */
export const Exposure = z.object({ p50Ms: z.number(), p95Ms: z.number(), maxMs: z.number() });
export type Exposure = z.infer<typeof Exposure>;

/**
 * `completed`: every device proven and everything retired. `partial`: closed at the deadline or with devices that cannot be
 * rolled. `planned`: a dry run. `aborted`: by an operator. `refused`: the plan could not be carried out.
 */
export const RollOutcome = z.enum(["completed", "partial", "planned", "aborted", "refused"]);
export type RollOutcome = z.infer<typeof RollOutcome>;

/** The roll's header row: what operators see in a list. */
export const Roll = z.object({
  rollId: RollId,
  playbook: Playbook,
  phase: RollPhase,
  source: z.string(),
  alertId: z.string(),
  reason: z.string(),
  requestedAt: Instant,
  /** 0 while the target list is not made yet. */
  devices: z.int().nonnegative(),
  batches: z.int().nonnegative(),
  /** 0 while the target list is not made yet; batches of one wave are neighbours. */
  waves: z.int().nonnegative().optional(),
  /** SHA-256 of the frozen plan, upper-case hex: what an approval signs. */
  planHash: z.string().optional(),
  /** The person who asked for it; absent for alerts and timers. */
  requestedBy: z.string().optional(),
  /** CA rolls: what became of the old and the new CA. */
  trust: RollTrust.optional(),
  /** CA breaches: whether every identity of the linked hubs was looked at for what the groups' lists do not show. */
  examination: z
    .object({ inventoryId: InventoryId, startedAt: Instant, state: z.enum(["running", "done", "failed"]) })
    .optional(),
  /** When an expiry roll closes at the latest: as the request has it, or a day before the first certificate runs out. */
  deadline: Instant.optional(),
  containedAt: Instant.optional(),
  finishedAt: Instant.optional(),
  outcome: RollOutcome.optional(),
  /** Why the roll as a whole was refused. */
  refusal: z.object({ code: z.string(), detail: z.string() }).optional(),
  /** Final counts, written when the roll is finished; until then they are summed from the batches. */
  counts: DeviceCounts.optional(),
  exposure: Exposure.optional(),
  /** Its details are gone, or going: all but this row and the report. `done`: all of them are gone. */
  purged: z.object({ at: Instant, done: z.boolean() }).optional(),
});
export type Roll = z.infer<typeof Roll>;
