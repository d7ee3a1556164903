import { z } from "zod";
import { WavePolicy } from "../domain/pacing/wave-policy";
import { MaintenanceWindow } from "../domain/pacing/windows";
import { Authority, Containment, Dispatch, ModuleTreatment, Playbook, ReplacementKind } from "../domain/roll/playbook";
import { OrderedDevice, Pem, RegistrationIdText, Slots } from "./alert";

/** The largest order that is read, in bytes: a thousand devices with their chains. */
export const MAX_ORDER_BYTES = 8 * 1024 * 1024;

const Devices = z.strictObject({
  kind: z.literal("devices"),
  devices: z.array(OrderedDevice).min(1).max(1_000),
});

/** A blob in the app's own container under `lists/`: a JSON line per device, shaped like the entries of `devices`. */
const List = z.strictObject({
  kind: z.literal("list"),
  blob: z.string().regex(/^lists\/[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/),
});

/** What a CA is replaced by: one that DPS has, by its name, or a new one. */
export const SuccessorOrder = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .optional(),
  /** The new CA and what is above it, the CA first. Never a private key. */
  chainPem: Pem.optional(),
});

const Group = z.strictObject({
  kind: z.literal("group"),
  // DPS names groups by the rule for registrations.
  groupId: RegistrationIdText,
  authority: Authority,
  /**
   * Leaf rolls: these devices of the group instead of all. After a CA's breach: what is known of the fleet, so that whoever
   * registered since `compromisedSince` and is not among them is called rogue.
   */
  devices: z.array(OrderedDevice).min(1).max(1_000).optional(),
  compromised: z
    .strictObject({
      /** Slots of the group whose CA is compromised; without it both are. */
      slots: Slots.optional(),
      certificatePems: z.array(Pem).min(1).max(10).optional(),
    })
    .optional(),
  successor: SuccessorOrder.optional(),
});

/** The body of `POST /api/rolls`, version 1. */
export const RollOrder = z.strictObject({
  version: z.literal("1"),
  playbook: Playbook,
  reason: z.string().max(1_000),
  scope: z.discriminatedUnion("kind", [Devices, List, Group]),
  /** For devices without a certificate of their own in `scope`; without it `none` for a breach, `inline` for expiry. */
  replacement: z.strictObject({ kind: ReplacementKind }).optional(),
  /** Breach only; `sentinel` without it. */
  containment: Containment.optional(),
  /** Breach only: what becomes of the devices' modules, whose credentials are their own; `report` without it. */
  modules: ModuleTreatment.optional(),
  compromisedSince: z.iso.datetime({ offset: true }).optional(),
  dispatch: Dispatch.optional(),
  /** In which order the fleet is rolled; without it everybody at once. */
  waves: WavePolicy.optional(),
  /** When devices may be told to change over; without it always. Containment never waits. */
  windows: z.array(MaintenanceWindow).max(20).optional(),
  freezes: z
    .array(
      z.strictObject({
        from: z.iso.datetime({ offset: true }),
        until: z.iso.datetime({ offset: true }),
        reason: z.string().max(200),
      }),
    )
    .max(100)
    .optional(),
  approval: z.enum(["required", "none"]).optional(),
  dryRun: z.boolean().optional(),
  retire: z.strictObject({ when: z.enum(["all-proven", "old-expired"]) }).optional(),
  /** Hours until the roll closes at the latest; at most seven days. */
  deadlineHours: z.number().positive().max(168).optional(),
});
export type RollOrder = z.infer<typeof RollOrder>;

/** The body of `POST /api/rolls/{id}/approve` and its sisters; may be empty. */
export const RollCommandBody = z.strictObject({
  /** Why; stands in the journal. */
  note: z.string().max(1_000).optional(),
  /** `approve`: the plan that was read, by its hash. */
  planHash: z
    .string()
    .regex(/^[0-9A-F]{64}$/)
    .optional(),
  /** `approve`: instead of the plan, the beginning of this wave. */
  wave: z.int().nonnegative().optional(),
});
export type RollCommandBody = z.infer<typeof RollCommandBody>;
