import { z } from "zod";
import { AuthorityName, EnrollmentGroupId, HubHostName, RollId, Sha256Thumbprint } from "../ids";
import { Instant } from "../instant";
import { DpsQuota, HubSku } from "../pacing/quotas";
import { Wave } from "../pacing/wave-policy";
import { Refusal } from "../roll/device-row";
import { Authority, Playbook } from "../roll/playbook";
import { RollPhase } from "../roll/roll";
import { Examined } from "./examined";

const Count = z.int().nonnegative();
const Seconds = z.number().nonnegative();

/** A phase that the roll will go through, why it comes there, and what shows that it is over. */
export const PlanStep = z.object({
  phase: RollPhase,
  does: z.string(),
  because: z.string(),
  until: z.string(),
  irreversible: z.literal(true).optional(),
});
export type PlanStep = z.infer<typeof PlanStep>;

/** An enrollment group that the roll changes, and how. */
export const PlannedGroup = z.object({ groupId: EnrollmentGroupId, change: z.string() });
export type PlannedGroup = z.infer<typeof PlannedGroup>;

/** A CA certificate that the roll is about, and what becomes of it. */
export const PlannedAuthority = z.object({
  name: AuthorityName.optional(),
  sha256Thumbprint: Sha256Thumbprint.optional(),
  notAfter: Instant.optional(),
  change: z.string(),
});
export type PlannedAuthority = z.infer<typeof PlannedAuthority>;

/** Devices that a step may lock out. `devices` is absent where nobody can count them. */
export const LockedOut = z.object({
  code: z.string(),
  detail: z.string(),
  devices: Count.optional(),
  examples: z.array(z.string()),
});
export type LockedOut = z.infer<typeof LockedOut>;

/** How fast Azure's quotas let the roll be, and what sets the pace. */
export const PlanPace = z.object({
  /** The resource that binds: of DPS, of the hub that is named, or of the issuer. */
  binding: z.object({ resource: z.string(), host: HubHostName.optional() }),
  /** No software could be faster: a minute's burst, then the full quotas. Absent: a service does not offer what is needed. */
  limitSeconds: Seconds.optional(),
  /** With this installation's share of the quotas, the waves' pauses and a minute per wave for the last device. */
  expectedSeconds: Seconds.optional(),
  /** When that work ends within the maintenance windows, if it begins when the plan is frozen; absent: not in time. */
  expectedEnd: Instant.optional(),
  /** Share of the quotas that rolls take here. */
  headroom: z.number(),
  dps: DpsQuota,
  hubs: z.array(HubSku.extend({ host: HubHostName, devices: Count })),
});
export type PlanPace = z.infer<typeof PlanPace>;

/**
 * What a roll will do, frozen before it changes anything that devices depend on. Its hash covers the preconditions of every
 * device, so that an approval is for this list of devices in this state and no other.
 */
export const RollPlan = z.object({
  version: z.literal(1),
  rollId: RollId,
  playbook: Playbook,
  /** Group rolls: which certificate of the hierarchy it is about. */
  authority: Authority.optional(),
  plannedAt: Instant,
  dryRun: z.boolean(),
  /** Why the roll cannot be carried out; in a breach: why the old trust gets no successor. Containment never waits for it. */
  refusals: z.array(Refusal),
  /** What was found, device by device. */
  found: Examined,
  waves: z.array(Wave.omit({ number: true })),
  groups: z.array(PlannedGroup),
  authorities: z.array(PlannedAuthority),
  steps: z.array(PlanStep),
  /** What cannot be taken back, as sentences. */
  irreversible: z.array(z.string()),
  lockedOut: z.array(LockedOut),
  /** Of the roll as a whole; those of devices are in `found`. */
  warnings: z.array(Refusal),
  pace: PlanPace,
  /** Who has to agree before anything but containment happens. */
  approval: z.object({ required: z.boolean(), because: z.string() }),
});
export type RollPlan = z.infer<typeof RollPlan>;

/** A plan under its hash: SHA-256 of its canonical JSON, without the hash itself. */
export const FrozenPlan = RollPlan.extend({ planHash: z.string().regex(/^[0-9A-F]{64}$/) });
export type FrozenPlan = z.infer<typeof FrozenPlan>;
