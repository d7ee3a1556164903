import { z } from "zod";
import { DueKind } from "../domain/due";
import { Link } from "../domain/evidence/lines";
import { RollId } from "../domain/ids";
import { DeviceCounts, DeviceState } from "../domain/roll/device-state";
import { Exposure, RollOutcome, RollPhase } from "../domain/roll/roll";

const Time = z.iso.datetime();

/** How a roll of a CA stands at DPS. */
export const RollTrustView = z.object({
  /** Why the new CA is not in the group, or the old one still is. */
  refusal: z.object({ code: z.string(), detail: z.string() }).optional(),
  successor: z.object({ sha256Thumbprint: z.string(), name: z.string().optional(), notAfter: Time }).optional(),
  /**
   * Somebody must show that he holds the new CA's key: sign a certificate whose common name is the code, and send it to
   * `possessionUrl` as `{"certificatePem": …}`.
   */
  possession: z
    .object({ authorityName: z.string(), verificationCode: z.string(), since: Time, possessionUrl: z.string() })
    .optional(),
  stagedAt: Time.optional(),
  old: z.array(
    z.object({
      sha256Thumbprint: z.string().optional(),
      name: z.string().optional(),
      state: z.enum(["in-group", "out-of-group", "retired", "kept"]),
      why: z.string().optional(),
    }),
  ),
  warnings: z.array(z.string()),
});
export type RollTrustView = z.infer<typeof RollTrustView>;

/** A roll as operators see it. */
export const RollView = z.object({
  rollId: RollId,
  playbook: z.string(),
  phase: RollPhase,
  outcome: RollOutcome.optional(),
  source: z.string(),
  alertId: z.string(),
  reason: z.string(),
  devices: z.int(),
  counts: DeviceCounts,
  /** What an approval of this roll has to name. */
  planHash: z.string().optional(),
  exposure: Exposure.optional(),
  trust: RollTrustView.optional(),
  /**
   * CA breaches: the look at every identity of the linked hubs. `failed`: an inventory could not be had, so that devices which
   * no list of the groups shows may still be connected.
   */
  examination: z
    .object({ inventoryId: z.string(), startedAt: Time, state: z.enum(["running", "done", "failed"]) })
    .optional(),
  requestedAt: Time,
  containedAt: Time.optional(),
  finishedAt: Time.optional(),
  /** Since then only this and its report are kept. */
  purgedAt: Time.optional(),
  statusUrl: z.string(),
  devicesUrl: z.string(),
});
export type RollView = z.infer<typeof RollView>;

export const RollList = z.object({
  rolls: z.array(RollView),
  /** Give it back as `after` for the next page; absent on the last. */
  next: RollId.optional(),
});
export type RollList = z.infer<typeof RollList>;

/** A device of a roll as operators see it. */
export const RollDeviceView = z.object({
  registrationId: z.string(),
  deviceId: z.string().optional(),
  state: DeviceState,
  /** What a person should know or do: the refusal, what the proof still misses, why it is not contained. */
  detail: z.string().optional(),
  /** `replacement-refused` with its code, where the new certificate was not accepted. */
  refusal: z.object({ outcome: z.literal("replacement-refused"), code: z.string(), detail: z.string() }).optional(),
  warnings: z.array(z.string()),
  plannedThumbprint: z.string().optional(),
  closedAt: Time.optional(),
  containedAt: Time.optional(),
  /** The new certificate stands in the enrollment beside the old one. */
  stagedAt: Time.optional(),
  provenAt: Time.optional(),
  /** The old certificate is out of the enrollment. */
  retiredAt: Time.optional(),
});
export type RollDeviceView = z.infer<typeof RollDeviceView>;

export const RollDeviceList = z.object({
  rollId: RollId,
  devices: z.array(RollDeviceView),
  next: z.string().optional(),
});
export type RollDeviceList = z.infer<typeof RollDeviceList>;

/** Who was refused in the name of devices that were contained before. */
export const KnockingList = z.object({
  rollId: RollId,
  devices: z.array(
    z.object({
      registrationId: z.string(),
      /** The hub's name without its domain. */
      hub: z.string(),
      containedAt: Time,
      lastRefusedAt: Time,
      /** The hub's error number, such as 401003. */
      code: z.string(),
      /** The leaf that was shown, where the log names it, and whether it is one that this roll is about. */
      sha256Thumbprint: z.string().optional(),
      compromised: z.boolean().optional(),
    }),
  ),
  next: z.string().optional(),
});
export type KnockingList = z.infer<typeof KnockingList>;

/** Work that waits longer than an orchestration may. */
export const DueList = z.object({
  due: z.array(
    z.object({
      key: z.string(),
      kind: DueKind,
      rollId: RollId,
      subject: z.string().optional(),
      reason: z.string(),
      dueAt: Time,
      notedAt: Time,
    }),
  ),
  next: z.string().optional(),
});
export type DueList = z.infer<typeof DueList>;

/** What was said, written and done in a roll, oldest first. */
export const RollJournalView = z.object({
  rollId: RollId,
  /** Of rolls of more than 20, name one in the query to see what was done to its devices. */
  batches: z.int().nonnegative(),
  entries: z.array(Link),
  next: z.string().optional(),
});
export type RollJournalView = z.infer<typeof RollJournalView>;

/** A device in the open roll that has it. */
export const DeviceView = RollDeviceView.extend({
  rollId: RollId,
  playbook: z.string(),
  phase: RollPhase,
  /** Rules of the proof that the last judgement found unmet; docs/errors.md says what each means. */
  missing: z.array(z.string()),
  whatToDo: z.string(),
  attempts: z.int().nonnegative(),
  statusUrl: z.string(),
});
export type DeviceView = z.infer<typeof DeviceView>;

/** `changed` false: it was so already. */
export const DeviceCommandView = z.object({
  rollId: RollId,
  registrationId: z.string(),
  state: DeviceState,
  changed: z.boolean(),
});
export type DeviceCommandView = z.infer<typeof DeviceCommandView>;

/** `code`: listed in docs/errors.md. */
export const Readiness = z.object({
  ready: z.boolean(),
  checkedAt: Time,
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), code: z.string().optional() })),
});
export type Readiness = z.infer<typeof Readiness>;
