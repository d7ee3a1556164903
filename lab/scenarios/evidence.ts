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

export interface BreachedDevice {
  readonly registrationId: string;
  readonly deviceId: string;
  readonly oldThumbprint: string;
  readonly newThumbprint: string;
}

export interface Bystander {
  readonly registrationId: string;
  readonly deviceId: string;
}

/** What the product says of one device; times in milliseconds since the epoch. */
export interface StatedDevice {
  readonly registrationId: string;
  readonly state: string;
  readonly detail?: string;
  readonly containedAt?: number;
  readonly provenAt?: number;
}

/** Everything a run of a breach scenario leaves behind; claims are computed from nothing else. */
export interface BreachEvidence {
  readonly breached: readonly BreachedDevice[];
  readonly bystanders: readonly Bystander[];
  /** When the alert was posted. */
  readonly alertAt: number;
  /** When the thief's last tries were counted. */
  readonly endedAt: number;
  /** What the product said last, by registration id. */
  readonly stated: ReadonlyMap<string, StatedDevice>;
  readonly knocks: readonly Knock[];
  /** What the thief found out. */
  readonly keys: readonly KeyReport[];
  /** By device id: everything of a bystander's identity and enrollment that a roll could change, as one text. */
  readonly bystandersBefore: ReadonlyMap<string, string>;
  readonly bystandersAfter: ReadonlyMap<string, string>;
  /** Where a secret was found that should be nowhere. */
  readonly leaks: readonly string[];
  /** How many places were searched for secrets. */
  readonly placesSearched: number;
  /** Attempts that a device acted on more than once. */
  readonly actedTwice: readonly string[];
  /** What the second post of the same alert was answered. */
  readonly repeatedAlert: { readonly status: number; readonly sameRoll: boolean };
}

export interface Claim {
  /** Stable, for tests and exit codes. */
  readonly name: string;
  readonly holds: boolean;
  /** One sentence for people, with numbers. */
  readonly sentence: string;
}
