import { z } from "zod";
import {
  AttemptId,
  DeviceId,
  EnrollmentGroupId,
  Etag,
  HubHostName,
  RegistrationId,
  RollId,
  Sha256Thumbprint,
  Slot,
} from "../ids";
import { Instant } from "../instant";
import { ListedRegistration } from "./request";

/** Why a replacement was not accepted. It never delays containment. */
export const Refusal = z.object({ code: z.string().min(1), detail: z.string() });
export type Refusal = z.infer<typeof Refusal>;

/** What one hub accepts for the device and what this roll did there. */
export const HubRecord = z.object({
  /** Status before this roll's first write: restored with the release. */
  statusBefore: z.enum(["enabled", "disabled"]).optional(),
  /** Containment round that the present sentinels belong to; 0 = nothing written yet. */
  round: z.int().nonnegative(),
  /** Moment after which the hub answered that the identity is disabled and holds sentinels. */
  heldAt: Instant.optional(),
  releasedAt: Instant.optional(),
  /** What this roll last wrote into the thumbprints: tells whether a later value came from DPS. */
  lastWrite: z.enum(["none", "sentinel", "as-read", "planned", "deleted"]),
  /** The generation that this roll deleted, or was about to: the identity that DPS makes anew has another. */
  generationBefore: z.string().optional(),
  /** Kept disabled until DPS has written an allowed leaf, or since when it has been for too long. */
  parkedAt: Instant.optional(),
  /** The identity does not exist in this hub: nothing to contain there. */
  absent: z.boolean(),
});
export type HubRecord = z.infer<typeof HubRecord>;

/** An identity held under a guessed name, and what stood there before: given back if the guess was wrong. */
export const GuessedHold = z.object({
  deviceId: DeviceId,
  hub: HubHostName,
  /** Containment round that the sentinels belong to. */
  round: z.int().positive(),
  status: z.enum(["enabled", "disabled"]),
  primaryThumbprint: z.string().optional(),
  secondaryThumbprint: z.string().optional(),
});
export type GuessedHold = z.infer<typeof GuessedHold>;

/** What stops nothing but belongs in the report. */
export type Warning =
  /** Nobody else vouches for the new leaf. */
  | "self-signed"
  /** The compromised certificate did not come with the alert, so that the keys could not be compared. */
  | "same-key-unchecked"
  /** The new leaf comes from a CA that is for tests. */
  | "test-ca"
  /** A fresh read contradicted the claim that the device is contained. */
  | "containment-broken"
  /** DPS has no individual enrollment for the device. */
  | "enrollment-missing"
  /** The hub identity authenticates by shared keys: they open it, whatever becomes of certificates. */
  | "sas-authentication"
  /** The old leaf is kept out at the hub; whether DPS still takes it beside the device's pin is documented nowhere. */
  | "contained-at-hub"
  /** DPS has no enrollment group of the name that the request gave. */
  | "group-missing"
  /** Somebody wrote the device's entry after the plan had read it; the roll decided anew. */
  | "changed-since-plan"
  /** A plan could not read the device's own entry, or its identity: what it says of the device may be wrong. */
  | "entry-unread"
  | "hub-unread"
  /** Another device was cut off for a while, because its name was taken for this one's. */
  | "held-by-guess"
  /** The device did not answer `commit`: its old key may still be on it. */
  | "commit-unanswered"
  /** Modules of the device have credentials of their own, which still open something. */
  | "residual-access"
  /** A CA was compromised, and DPS has no record of how the identity came to be. */
  | "no-registration-record"
  /** A CA was compromised, and the identity has held another certificate since, which no registration explains. */
  | "changed-since-compromise"
  /** Its own enrollment refers to a compromised CA: it is disabled, and DPS does not enable it again by itself. */
  | "entry-by-compromised-ca";

/** What became of the modules of a device that was cut off. */
export const ModulesFound = z.object({
  /** When they were looked for. */
  at: Instant,
  /** Those left with credentials that may still open something, `module@hub`: the first ten. */
  left: z.array(z.string()).max(10),
  /** How many are left. */
  leftInAll: z.int().nonnegative(),
  /** How many were deleted or given credentials that nobody holds. */
  cut: z.int().nonnegative(),
});
export type ModulesFound = z.infer<typeof ModulesFound>;

/** One attempt to make the device report; written before the first send. */
export const Attempt = z.object({
  attemptId: AttemptId,
  /** 32 hex digits; the device signs it. */
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
  startedAt: Instant,
  /** The device acknowledged the command. */
  acknowledgedAt: Instant.optional(),
  /** The hub could not reach the device: it knows nothing of the command. */
  unreached: z.literal(true).optional(),
});
export type Attempt = z.infer<typeof Attempt>;

/** How the two slots of an enrollment change places: the new leaf goes into one, the other is what the device uses. */
export const Swap = z.object({
  /** Takes the new leaf. */
  slot: Slot,
  /** The leaf to be retired; it stays where it is until the device is proven on the new one. */
  old: z.object({ slot: Slot, sha256Thumbprint: Sha256Thumbprint, notAfter: Instant.optional() }),
});
export type Swap = z.infer<typeof Swap>;

/** An individual enrollment as a plan saw it. */
export const SeenEntry = z.object({
  etag: Etag,
  provisioningStatus: z.enum(["enabled", "disabled"]),
  primary: Sha256Thumbprint.optional(),
  secondary: Sha256Thumbprint.optional(),
});
export type SeenEntry = z.infer<typeof SeenEntry>;

/** What a later write presupposes of an enrollment that was just read. */
export function seenEntry(entry: {
  readonly etag: Etag;
  readonly provisioningStatus: "enabled" | "disabled";
  readonly primary: { readonly sha256Thumbprint: Sha256Thumbprint } | undefined;
  readonly secondary: { readonly sha256Thumbprint: Sha256Thumbprint } | undefined;
}): SeenEntry {
  const { etag, provisioningStatus, primary, secondary } = entry;
  return {
    ...{ etag, provisioningStatus },
    ...(primary === undefined ? {} : { primary: primary.sha256Thumbprint }),
    ...(secondary === undefined ? {} : { secondary: secondary.sha256Thumbprint }),
  };
}

/** What only devices of an enrollment group have. */
const InGroup = {
  /** The group that lets the device in: its closing is the device's. Absent: the device has an entry of its own. */
  group: EnrollmentGroupId.optional(),
  listed: ListedRegistration.optional(),
  /** Nobody knows the device, and it registered while the CA was in wrong hands. */
  rogue: z.literal(true).optional(),
  /** The individual enrollment that keeps its old leaf out; absent: the whole group is closed. */
  pin: z.enum(["pin", "deny"]).optional(),
  /** No leaf was named beforehand: what DPS writes over intact sentinels is the one, see domain/hub/adopted-leaf. */
  leafUnknown: z.boolean().optional(),
  /** Our sentinels were read intact, after closure and settling, in every linked hub that has the device. */
  intactAt: Instant.optional(),
  /** Leaves among `allowed` that DPS wrote over intact sentinels. */
  adopted: z.array(Sha256Thumbprint).optional(),
};

/** Why a replacement could not be judged: the CA certificates of DPS could not be read just then. */
export const AUTHORITIES_UNREADABLE = "authorities-unreadable";

/** Everything one roll knows about one device. */
export const DeviceRow = z.object({
  ...InGroup,
  registrationId: RegistrationId,
  compromisedSlots: z.array(Slot),
  /** The hub device id: the registration record's word, else the entry's, else the registration id. */
  deviceId: DeviceId.optional(),
  /** What the entry, once read, calls the hub device: a name of its own or the registration id. */
  nameInEntry: DeviceId.optional(),
  /** The name that `hubs` is about while the true one is not known. */
  guess: DeviceId.optional(),
  /** Identities held under guessed names. */
  guessed: z.array(GuessedHold).optional(),
  /** Thumbprints that must open nothing any more, resolved from the slots at the first read. */
  bad: z.array(Sha256Thumbprint),
  /** New leaves of a roll that had the device before: a slot that holds one is not the slot that was named compromised. */
  spared: z.array(Sha256Thumbprint).optional(),
  /** Leaves the device may go on with: the planned one and those in the entry that nobody named as compromised. */
  allowed: z.array(Sha256Thumbprint),
  /** The accepted new leaf. */
  planned: z.object({ sha256Thumbprint: Sha256Thumbprint, notAfter: Instant }).optional(),
  refusal: Refusal.optional(),
  /** Why the replacement could not be judged yet; it is tried again while the roll is open. */
  replacementPending: z.string().optional(),
  /** Codes that do not stop anything but belong in the report. */
  warnings: z.array(z.string()),
  /** The DPS entry. */
  entry: z.object({
    state: z.enum(["open", "closed", "missing", "refused"]),
    /** The service's own timestamp of the closing write: the anchor that proofs are measured from. */
    closedAt: Instant.optional(),
    /** `true`: no healthy leaf was left, the entry itself is disabled. */
    disabled: z.boolean(),
    /** This roll disabled it, so this roll may enable it again; an operator's `disabled` is left alone. */
    disabledByUs: z.boolean().optional(),
    /** A closing write of ours may have been made whose answer is not known. */
    closing: z.boolean().optional(),
  }),
  hubs: z.record(HubHostName, HubRecord),
  containedAt: Instant.optional(),
  /** Fresh reads that did not show containment, since the last one that did. */
  rereads: z.int().nonnegative(),
  unconfirmed: z.string().optional(),
  /** Absent: nobody has looked. */
  modules: ModulesFound.optional(),
  /** How often containment was found broken after it had been claimed. */
  broken: z.int().nonnegative(),
  attempts: z.int().nonnegative(),
  attempt: Attempt.optional(),
  /** Rules of the proof that the last judgement found unmet. */
  missing: z.string().optional(),
  proof: z.object({ provenAt: Instant, attemptId: AttemptId, rules: z.array(z.string()) }).optional(),
  failed: z.object({ reason: z.string(), detail: z.string() }).optional(),
  /** The hub that the registration record named last. */
  assignedHub: HubHostName.optional(),
  swap: Swap.optional(),
  /** The device's own entry when it was planned: what is written first presupposes it. */
  seen: SeenEntry.optional(),
  /** The new leaf stands in the entry since then, by the service's own clock: the anchor of proofs. */
  stagedAt: Instant.optional(),
  /** A staging write of ours may have been made whose answer is not known. */
  staging: z.boolean().optional(),
  /** Requests for a certificate that were sent to the device, and when the last one came back. */
  csr: z.object({ tries: z.int().positive(), askedAt: Instant, receivedAt: Instant.optional() }).optional(),
  /** Leaves that the hub accepted when the device was first told to change over. */
  before: z.array(Sha256Thumbprint).optional(),
  /** The last attempt got no answer. */
  unreachable: z.object({ since: Instant, reason: z.string() }).optional(),
  /** It was on its new leaf, or should be, and is on the old one. */
  regressed: z.object({ since: Instant, detail: z.string() }).optional(),
  /** When a device that stands aside is tried again by itself; absent: only if it is heard, or a person asks. */
  tryAgainAt: Instant.optional(),
  /** Retries asked for by people that this row has followed. */
  retriesSeen: z.int().nonnegative().optional(),
  /** `commit` was sent so often; and since when the device has taken it. */
  commit: z.object({ tries: z.int().positive(), takenAt: Instant.optional() }).optional(),
  /** A fresh read shows the old leaf gone from the entry. */
  retiredAt: Instant.optional(),
  /** Why the old leaf stays in the entry. */
  kept: z.string().optional(),
  /** Not cut off, because nobody has approved it: the roll is automatic, and too many devices are concerned. */
  heldBack: z.literal(true).optional(),
  /** Left alone, with the reason, such as `claimed-by 2026…-1f0c9a3e`. */
  skipped: z.string().optional(),
  /** Another roll has taken the device over: nothing is written for it here any more. */
  supersededBy: RollId.optional(),
});
export type DeviceRow = z.infer<typeof DeviceRow>;

export function withWarning(row: DeviceRow, ...warnings: readonly Warning[]): DeviceRow {
  return { ...row, warnings: [...new Set([...row.warnings, ...warnings])] };
}
