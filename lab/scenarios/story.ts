import type { Behaviour } from "../fleet/behaviours";
import type { DeviceTiming } from "../fleet/device-options";
import type { Fleet } from "../fleet/fleet";
import type { AttackTiming, StolenKey } from "../fleet/stolen-key";
import type { CertificateAuthority, LabCertificate } from "../pki/certificates";
import type { ClaimName } from "./claims/judge";
import type { DeviceNames, Evidence, StatedDevice, Trust } from "./evidence";
import type { Hierarchy } from "./hierarchy";
import type { LabServices } from "./lab-services";
import type { Product, RollStatus } from "./product";

/**
 * Something that happens to a fleet, what is asked of the product, and what must be true in the end. A story is data:
 * `play` sets the stage, watches and judges.
 */
export interface Story {
  /** Of the catalogue; also the prefix of everything the story creates, so that stories can share a lab. */
  readonly name: string;
  /** One line for `--list`. */
  readonly summary: string;
  /** How many hubs it needs. Default 1. */
  readonly hubs?: number;
  /** Settings of the app, over the lab's. Stories with the same ones can share a host. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Whose keys the app has at hand, to prove their possession to DPS by itself. Default: the next root's. */
  readonly provable?: (hierarchy: Hierarchy) => readonly CertificateAuthority[];
  /** `memory`: devices connect without TLS, for thousands; thieves keep to TLS. Default `tls`. */
  readonly connections?: "tls" | "memory";
  readonly timing?: Partial<DeviceTiming>;
  /** Writes the entries and CA certificates of the beginning and answers who plays. */
  readonly cast: (world: World) => Cast;
  /** What the product is asked for. */
  readonly ask: (cast: Cast, world: World) => Ask;
  /** `from the start`: before anybody notices. `after the end`: once the roll is over, old keys are tried. Default: none. */
  readonly thief?: "from the start" | "after the end";
  /** How densely the thief tries. Default: as `defaultAttackTiming` says. */
  readonly attack?: Partial<AttackTiming>;
  /** Another roll that is under way when the thief and the order come. Default: none. */
  readonly prelude?: Prelude;
  /** A dry run of the same order comes first. Default: no. */
  readonly rehearsed?: boolean;
  /** What happens in mid-roll, each at most once. */
  readonly cues?: readonly Cue[];
  /** After the roll was judged and the thief has gone. Answers what came of it. */
  readonly epilogue?: (scene: Scene) => Promise<NonNullable<Evidence["epilogue"]>>;
  /** How many devices are to be told before all others. Default 0. */
  readonly canary?: number;
  readonly claims: readonly ClaimName[];
  /** Milliseconds after the order at which an unfinished roll is judged as it is. Default 120,000. */
  readonly patienceMs?: number;
  /** Milliseconds for which the thief goes on after the end. Default 1,500. */
  readonly afterwardsMs?: number;
}

/** What a story is built from. */
export interface World extends Hierarchy {
  readonly services: LabServices;
}

/** A device of a story. */
export interface Player extends DeviceNames {
  /** The leaf it runs on in the beginning. */
  readonly active: LabCertificate;
  /** Further leaves that must open nothing in the end: of its other slot, or minted in its name by somebody else. */
  readonly alsoOld?: readonly LabCertificate[];
  /** The key it is to run on, with the leaf that a roll may bring; absent where it makes a key when told to. */
  readonly next?: LabCertificate;
  /** A device without its next key: it has to be given one by a person. Default: it has the key of `next` in store. */
  readonly hasNext?: boolean;
  readonly behaviour?: Behaviour;
  /** Runs on the official device SDKs. Default: no. */
  readonly onOfficialSdk?: boolean;
  /** Why it cannot be proven; absent for a device that can. */
  readonly leftOut?: string;
}

export interface Cast {
  /** Whom the roll is about. */
  readonly rolled: readonly Player[];
  /** Whom it must leave alone. */
  readonly bystanders: readonly Player[];
  /** What the thief has. Default: nothing. */
  readonly stolen?: readonly StolenKey[];
  /** Names that no device has, with the leaves that the thief minted for them. */
  readonly ghosts?: readonly (DeviceNames & {
    readonly leaf: LabCertificate;
    /** The thief has deleted the record of its registration: nothing but the hub's identity shows that it is there. */
    readonly erased?: boolean;
  })[];
  /** CA certificates that must be trusted by nothing in the end. */
  readonly oldAuthorities?: readonly CertificateAuthority[];
}

/** The body of an alert for the webhook, or of an order for the operators' endpoint. */
export type Ask = { readonly alert: object } | { readonly order: object };

/** A roll before the story's own. */
export interface Prelude {
  readonly ask: (cast: Cast, world: World) => Ask;
  /** Whether it has come far enough for the story to go on. */
  readonly isUnderWay: (roll: RollStatus, stated: ReadonlyMap<string, StatedDevice>) => boolean;
}

/** Something that happens once a moment has come. */
export interface Cue {
  /** For the log: "the two are switched on again". */
  readonly say: string;
  readonly when: (picture: Picture) => boolean;
  readonly act: (scene: Scene) => void | Promise<void>;
}

/** What the product says right now. */
export interface Picture {
  readonly roll: RollStatus | undefined;
  readonly stated: ReadonlyMap<string, StatedDevice>;
  readonly cast: Cast;
  /** Every certificate that DPS or a hub trusts right now. */
  readonly trust: () => readonly Trust[];
  /** Since the order. */
  readonly elapsedMs: number;
  /** Since the cue before this one; the elapsed time where there was none. */
  readonly sinceLastCueMs: number;
}

/** What a cue may do. */
export interface Scene {
  readonly cast: Cast;
  readonly world: World;
  readonly fleet: Fleet;
  readonly product: Product;
  /** Tells the product, as a person who may, and puts it on record. Rejects when it is refused. */
  readonly command: (name: "approve" | "pause" | "resume" | "abort" | "retry", body?: object) => Promise<void>;
  /** Posts another alert or order; answers the id of its roll. */
  readonly ask: (ask: Ask) => Promise<string>;
}
