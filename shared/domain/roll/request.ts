import { z } from "zod";
import { DeviceId, EnrollmentGroupId, HubHostName, RegistrationId, Sha256Thumbprint, Slot } from "../ids";
import { Instant } from "../instant";
import { WavePolicy } from "../pacing/wave-policy";
import { WorkTimes } from "../pacing/windows";
import { Authority, Containment, Dispatch, ModuleTreatment, Playbook, ReplacementKind } from "./playbook";

/** What the list of a group's registrations said of a device. */
export const ListedRegistration = z.object({
  /** When it registered last, by the service's clock; absent: the record does not say. */
  registeredAt: Instant.optional(),
  /** A registration was under way when the list was read. */
  assigning: z.boolean(),
});
export type ListedRegistration = z.infer<typeof ListedRegistration>;

/** One device of a roll, as the request or the group's registrations name it. */
export const RollTarget = z.object({
  registrationId: RegistrationId,
  /** The slots whose certificates must go; empty where the roll itself finds out (expiry, groups). */
  compromisedSlots: z.array(Slot).max(2),
  /** PEM of the compromised leaf where the alert has it: lets the plan compare keys. */
  compromisedPem: z.string().optional(),
  replacement: z.discriminatedUnion("kind", [
    /** PEM of the new leaf and its intermediates. */
    z.object({ kind: z.literal("inline"), chainPem: z.string() }),
    /** None with the target: the roll's own source applies, see `RollRequest.replacement`. */
    z.object({ kind: z.literal("none") }),
    /** The input held a private key here, or nothing readable; the text was discarded at the door. */
    z.object({
      kind: z.literal("discarded"),
      code: z.enum(["private-key-in-input", "certificate-unreadable"]),
    }),
  ]),
  /** The hub's name of the device, where the registration record said it. */
  deviceId: DeviceId.optional(),
  assignedHub: HubHostName.optional(),
  /** The enrollment group that lets it in; absent: it has an entry of its own. */
  groupId: EnrollmentGroupId.optional(),
  listed: ListedRegistration.optional(),
  /**
   * How a CA's breach came upon it beside the lists of its groups. `late`: those lists show it now. `entry`: its own enrollment
   * refers to the CA. `no-record`, `changed`: see domain/inventory/examine-identity.
   */
  found: z.enum(["late", "entry", "no-record", "changed"]).optional(),
  /** Nobody knows the device: neither the request nor the issuance ledger nor a list names it. */
  rogue: z.literal(true).optional(),
  /** Whether it goes back to DPS when the hub refuses it; absent: nobody knows. */
  selfHeals: z.boolean().optional(),
  /** Whether it holds a second key and leaf to come back with; absent: nobody knows. */
  standbyLeaf: z.boolean().optional(),
  /** Names the wave that a tag policy puts it into. */
  tag: z.string().max(64).optional(),
});
export type RollTarget = z.infer<typeof RollTarget>;

/** What a group roll is about. */
export const GroupScope = z.object({
  /** The enrollment group whose devices are rolled. */
  groupId: z.string().min(1).max(128),
  authority: Authority,
  compromised: z
    .object({
      /** Slots of the group whose CA is compromised; absent where certificates are named instead. */
      slots: z.array(Slot).min(1).max(2).optional(),
      /** Compromised CA certificates by thumbprint, where the request names them. */
      thumbprints: z.array(Sha256Thumbprint).max(10).optional(),
      /** The same ones as PEM, where the request brought them: a group that denies one of them needs it. */
      certificatePems: z.array(z.string()).max(10).optional(),
    })
    .optional(),
  /** The CA that takes over. */
  successor: z
    .object({
      /** Its name among the DPS certificates: lower case letters, digits, `-._`. */
      name: z.string().min(1).max(64).optional(),
      /** PEM, the CA first. Absent: a CA of that name is in DPS already. */
      chainPem: z.string().optional(),
      /** The request held a private key here, or nothing readable; the text was discarded at the door. */
      discarded: z.enum(["private-key-in-input", "certificate-unreadable"]).optional(),
    })
    .optional(),
});
export type GroupScope = z.infer<typeof GroupScope>;

/**
 * A roll as it was asked for, frozen before it starts: what the alert or operator said, cleaned of everything that must not
 * be kept (private keys above all). Stored as a blob; Durable histories carry only the roll id. Fields that came later are
 * optional, because requests of older builds are still read.
 */
export const RollRequest = z.object({
  playbook: Playbook,
  /** Who or what asked, such as `soc`, and the alert's own id there. */
  source: z.string().min(1).max(100),
  alertId: z.string().min(1).max(200),
  /** The person behind it; absent for alerts and timers. */
  requestedBy: z.string().max(200).optional(),
  reason: z.string().max(1_000),
  requestedAt: Instant,
  detectedAt: Instant.optional(),
  compromisedSince: Instant.optional(),
  /** Devices named one by one. */
  targets: z.array(RollTarget).max(1_000),
  /** Or a blob that lists them, a JSON line each. */
  list: z.object({ blob: z.string().min(1).max(512) }).optional(),
  /** Or those of an enrollment group. */
  group: GroupScope.optional(),
  /** For targets that bring no certificate of their own. */
  replacement: ReplacementKind.optional(),
  containment: Containment.optional(),
  /** Breach only; absent: `report`. */
  modules: ModuleTreatment.optional(),
  dispatch: Dispatch.optional(),
  /** In which order the fleet is rolled; absent: everybody at once. */
  waves: WavePolicy.optional(),
  /** When devices may be told to change over; absent: always. Containment never waits. */
  times: WorkTimes.optional(),
  /** `required`: nothing but containment happens before a named person has approved the plan. */
  approval: z.enum(["required", "none"]).optional(),
  /** Stops after the plan; nothing is written to DPS or a hub. */
  dryRun: z.boolean().optional(),
  /** `all-proven` (default): old trust goes once every device is proven. `old-expired`: not before it has expired. */
  retire: z.object({ when: z.enum(["all-proven", "old-expired"]) }).optional(),
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
    /** Pauses before the second, third, … attempt of a device that did not answer; absent: 5 minutes, 1 and 6 hours. */
    retryMs: z.array(z.int().positive()).max(20).optional(),
    /** Containment `disable`: how long an identity waits, disabled, for DPS to write a new leaf. Default an hour. */
    parkMs: z.int().nonnegative().optional(),
    /** Containment `reprovision`: how long a device may take to change over before it is cut off. Default 15 minutes. */
    moveMs: z.int().nonnegative().optional(),
    /** The roll closes then at the latest. */
    deadline: Instant,
  }),
});
export type RollRequest = z.infer<typeof RollRequest>;
export type RollTiming = RollRequest["timing"];
