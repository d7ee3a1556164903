import type { KeyReport } from "../fleet/stolen-key";

/** One knock at a door of Azure, as the service itself wrote it down. */
export interface Knock {
  readonly door: "dps" | "hub";
  /** Milliseconds since the epoch, when the service decided. */
  readonly at: number;
  /** Registration id at DPS, device id at the hub. */
  readonly subject: string;
  readonly thumbprint: string | undefined;
  readonly accepted: boolean;
}

/** Whom it concerns, by both names. */
export interface DeviceNames {
  readonly registrationId: string;
  readonly deviceId: string;
}

/** A device that the roll is about. */
export interface RolledDevice extends DeviceNames {
  /** Leaves that must open nothing in the end: stolen, minted by a thief in its name, or about to expire. */
  readonly oldThumbprints: readonly string[];
  /** When the first of them expires, milliseconds since the epoch. */
  readonly oldNotAfter: number;
  /** The leaf it is to run on; absent where the device makes a new key in mid-roll. */
  readonly newThumbprint?: string;
  /** Why it cannot be proven, such as "refuses"; absent for a device that can. */
  readonly leftOut?: string;
}

/** A name that no device has and somebody with a CA's key made a leaf for. */
export interface Ghost extends DeviceNames {
  readonly thumbprint: string;
  /** DPS has no record of it. Default: false. */
  readonly erased?: boolean;
}

/** What the product says of one device; times in milliseconds since the epoch. */
export interface StatedDevice {
  readonly registrationId: string;
  readonly state: string;
  readonly detail?: string;
  readonly containedAt?: number;
  readonly provenAt?: number;
}

/** What the product says of the roll as a whole. */
export interface StatedRoll {
  readonly phase: string;
  readonly outcome?: string;
  /** Milliseconds since the epoch. */
  readonly containedAt?: number;
}

/** A write at DPS or at a hub that the product asked for and the service did. */
export interface ServiceWrite {
  readonly at: number;
  /** As faults know it: `dps.group.put`, `hub.registry.bulk`. */
  readonly operation: string;
  readonly subject: string;
}

/** A device took an order of the product. */
export interface Order {
  readonly registrationId: string;
  readonly kind: "reprovision" | "report";
  readonly rollId: string;
  /** Milliseconds since the epoch, when the device said yes. */
  readonly at: number;
}

/** A time in which DPS would have refused a device that did nothing wrong, had it come with the key it runs on. */
export interface ShutOut {
  readonly registrationId: string;
  readonly from: number;
  /** Absent: to the end. */
  readonly to?: number;
  /** What DPS would have told it. */
  readonly reason: string;
}

/** A group that, after a write, pointed at a CA certificate that was not there or not verified. */
export interface Dangling {
  readonly at: number;
  readonly groupId: string;
  readonly caName: string;
  readonly problem: "missing" | "unverified";
}

/** A certificate that something in Azure trusts, or would if it were enabled. */
export interface Trust {
  readonly kind: "enrollment" | "group" | "ca" | "identity";
  /** Registration id, group id, CA name or device id. */
  readonly owner: string;
  readonly thumbprint: string;
  readonly enabled: boolean;
}

/** What an enrollment held right after a write of the product. */
export interface SlotsHeld {
  readonly at: number;
  readonly registrationId: string;
  readonly enabled: boolean;
  readonly thumbprints: readonly string[];
}

/** An operator's word in mid-roll. */
export interface Command {
  readonly name: "approve" | "pause" | "resume" | "abort" | "retry";
  /** When the product had answered. */
  readonly at: number;
  /** HTTP status of the answer. */
  readonly status: number;
}

/** Everything a run leaves behind; claims are computed from nothing else. */
export interface Evidence {
  readonly rolled: readonly RolledDevice[];
  readonly bystanders: readonly DeviceNames[];
  readonly ghosts: readonly Ghost[];
  /** CA certificates that are rolled, by thumbprint; empty in a roll of leaves. */
  readonly oldAuthorities: readonly string[];
  /** When the alert or the order was posted. */
  readonly orderedAt: number;
  /** When the roll had ended, or was left as it was. */
  readonly rollEndedAt: number;
  /** When the thief's last tries were counted. */
  readonly endedAt: number;
  /** What the product said last. */
  readonly roll: StatedRoll | undefined;
  /** What the product said last, by registration id. */
  readonly stated: ReadonlyMap<string, StatedDevice>;
  readonly knocks: readonly Knock[];
  /** What the thief found out. */
  readonly keys: readonly KeyReport[];
  /** By device id: everything of a bystander's identity and enrollment that a roll could change, as one text. */
  readonly bystandersBefore: ReadonlyMap<string, string>;
  readonly bystandersAfter: ReadonlyMap<string, string>;
  readonly writes: readonly ServiceWrite[];
  /** Oldest first. */
  readonly slotsHeld: readonly SlotsHeld[];
  readonly orders: readonly Order[];
  readonly shutOuts: readonly ShutOut[];
  readonly dangling: readonly Dangling[];
  /** Sessions that a hub cut, its own doing. */
  readonly cuts: readonly { readonly deviceId: string; readonly at: number }[];
  /** All of it, at the end. */
  readonly trustAtEnd: readonly Trust[];
  readonly commands: readonly Command[];
  /** The id of a roll that was under way when this one was asked for. */
  readonly earlierRollId: string | undefined;
  /** What came of the story's epilogue; undefined when it has none. */
  readonly epilogue: { readonly complaint?: string; readonly sentence: string } | undefined;
  /** Of a dry run before the roll; undefined when there was none. */
  readonly rehearsal: { readonly rollId: string; readonly writes: readonly ServiceWrite[] } | undefined;
  /** What the product planned to do, as it told it; undefined when nobody asked. */
  readonly plan: PlanTold | undefined;
  /** How many devices are told before all others. */
  readonly canary: number;
  /** Where a secret was found that should be nowhere. */
  readonly leaks: readonly string[];
  /** How many places were searched for secrets. */
  readonly placesSearched: number;
  /** Attempts that a device acted on more than once. */
  readonly actedTwice: readonly string[];
  /** What the second post of the same alert or order was answered. */
  readonly repeated: { readonly status: number; readonly sameRoll: boolean };
}

/** Of a plan, what claims are about. */
export interface PlanTold {
  readonly devices: number;
  /** In words of the product; empty when all can be undone. */
  readonly irreversible: readonly string[];
  /** What an approval signs. */
  readonly hash?: string;
}

export interface Claim {
  /** Stable, for tests and exit codes. */
  readonly name: string;
  readonly holds: boolean;
  /** One sentence for people, with numbers. */
  readonly sentence: string;
}
