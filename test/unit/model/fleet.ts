import type { LabCertificate } from "../../../lab/pki/certificates";
import type { RollId, Slot } from "../../../shared/domain/ids";
import type { Instant } from "../../../shared/domain/instant";
import { RollId as RollIdSchema } from "../../../shared/domain/ids";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import type { RollRequest } from "../../../shared/domain/roll/request";
import type { PossessionProver } from "../../../shared/ports/issuers";
import type { Bed } from "../steps/bed";
import type { MoreStores } from "./product";
import type { Truth } from "./truth";

/** An expiry roll, a breach, and a breach that is about more. */
export const ROLLS = ["expiry", "breach", "wider"] as const;
export type RollName = (typeof ROLLS)[number];

/**
 * What certificates a device may show: the one it began with, a second one, one that only a thief has, and the new ones of
 * each roll.
 */
export const LEAVES = ["old", "standby", "stranger", ...ROLLS] as const;
export type LeafName = (typeof LEAVES)[number];

/** Everything that a world begins with, before anybody does anything. */
export interface Ground {
  readonly bed: Bed;
  readonly stores: MoreStores;
  readonly truth: Truth;
}

/** Devices, how they came to be, and the rolls that can be ordered for them. */
export interface Fleet {
  readonly hubs: 1 | 2;
  readonly devices: readonly string[];
  readonly prover: PossessionProver;
  /** Puts the devices there; notes their certificates in the truth. */
  enroll(ground: Ground): void;
  /** A roll as it is asked for; notes in the truth which leaves devices have by it. */
  order(name: RollName, ground: Ground, timing: RollRequest["timing"]): RollRequest;
  leaf(device: string, name: LeafName): LabCertificate;
  /** What a thief has of the device since this alert, as things stand now. */
  stolen(name: RollName, device: string, ground: Ground): string[];
  /** Slots of a device's own entry that a roll's alert calls compromised. */
  named(name: RollName): readonly Slot[];
  /** The roll has not read yet what its alert is about; `row`: what it knows of the device. */
  isUnread(name: RollName, device: string, row: DeviceRow | undefined, ground: Ground): Promise<boolean>;
  /** DPS may have nothing for the device, because a roll has said that it waits for a new leaf or CA. */
  mayBeOut(device: string, begun: ReadonlySet<RollName>, ground: Ground, rows: readonly DeviceRow[]): boolean;
  /** Somebody changes something by hand; answers the devices that it concerns. */
  edit(what: string, device: string, ground: Ground): readonly string[];
}

export function rollIdOf(name: RollName): RollId {
  return RollIdSchema.parse(`20260101T000000000Z-${ROLLS.indexOf(name) + 1}f0c9a3e`);
}

/** What every order says. */
export function orderedAs(
  name: RollName,
  at: Instant,
): Pick<RollRequest, "source" | "alertId" | "reason" | "requestedBy" | "requestedAt"> {
  return { source: "soc", alertId: name, reason: "model", requestedBy: "operator", requestedAt: at };
}
