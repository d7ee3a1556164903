import { z } from "zod";
import { RollId } from "../ids";
import { ApprovalSubject } from "../roll/control";
import { DeviceCounts, DeviceState } from "../roll/device-state";
import { Playbook } from "../roll/playbook";
import { Exposure, RollOutcome } from "../roll/roll";
import { Hash } from "./merkle";

const Time = z.iso.datetime();
const Text = z.string();

/** The request as it was frozen, without certificates: first line of every report. */
const RequestLine = z.strictObject({
  kind: z.literal("request"),
  /** Every field of the request but PEMs, targets as their number, times as they are kept: milliseconds since 1970. */
  request: z.record(z.string(), z.json()),
});

/** What a person said, or the roll's own brake. */
const CommandEntry = z.strictObject({
  kind: z.literal("command"),
  at: Time,
  by: Text,
  verb: Text,
  note: Text.optional(),
  subject: ApprovalSubject.optional(),
  before: Text,
  after: Text,
});

/** A write to a group, a CA certificate or an entry that belongs to no batch: what was meant, or what came of it. */
const WriteEntry = z.strictObject({
  kind: z.literal("write"),
  at: Time,
  step: Text,
  stage: z.enum(["intent", "outcome"]),
  target: Text,
  action: Text,
  guard: Text.optional(),
  before: Text.optional(),
  after: Text.optional(),
  result: Text.optional(),
  detail: Text.optional(),
});

/** What a step was about to do to devices of a batch, or what came of it. */
const StepEntry = z.strictObject({
  kind: z.literal("step"),
  at: Time,
  batch: z.int().nonnegative(),
  step: Text,
  stage: z.enum(["intent", "outcome"]),
  devices: z.array(
    z.strictObject({
      registrationId: Text,
      target: Text,
      action: Text,
      before: Text.optional(),
      after: Text.optional(),
      result: Text.optional(),
    }),
  ),
});

const Linked = { chain: Hash };

/** What became of a device, and what shows it. */
export const DeviceLine = z.strictObject({
  kind: z.literal("device"),
  registrationId: Text,
  deviceId: Text.optional(),
  hub: Text.optional(),
  group: Text.optional(),
  batch: z.int().nonnegative(),
  state: DeviceState,
  /** Thumbprints that were to open nothing any more. */
  compromised: z.array(Text),
  /** Thumbprints the device may use. */
  allowed: z.array(Text),
  planned: Text.optional(),
  /** By the clock of DPS. */
  closedAt: Time.optional(),
  stagedAt: Time.optional(),
  containedAt: Time.optional(),
  /** Milliseconds from the request to `containedAt`. */
  exposedMs: z.int().nonnegative().optional(),
  /** Breaches only: who was refused last in the device's name since it was contained, where hubs' connection logs come in. */
  refused: z.strictObject({ hub: Text, at: Time, code: Text, sha256Thumbprint: Text.optional() }).optional(),
  /** Breaches only: why the old credential may still open something. */
  exposed: Text.optional(),
  proof: z.strictObject({ provenAt: Time, attemptId: Text, rules: z.array(Text) }).optional(),
  retiredAt: Time.optional(),
  /** Rules of the proof that were unmet at the last judgement. */
  missing: Text.optional(),
  refusal: Text.optional(),
  failed: Text.optional(),
  skipped: Text.optional(),
  /** How often containment was found broken after it had been claimed. */
  broken: z.int().nonnegative(),
  /** Modules: those left with credentials of their own (the first ten, and how many in all), and how many were cut. */
  modules: z
    .strictObject({ left: z.array(Text), leftInAll: z.int().nonnegative(), cut: z.int().nonnegative() })
    .optional(),
  warnings: z.array(Text),
});
export type DeviceLine = z.infer<typeof DeviceLine>;

/** One line of a report. Lines with `chain` are linked in their order, all are leaves of the tree. */
export const EvidenceLine = z.discriminatedUnion("kind", [
  RequestLine,
  CommandEntry.extend(Linked),
  WriteEntry.extend(Linked),
  StepEntry.extend(Linked),
  DeviceLine,
]);
export type EvidenceLine = z.infer<typeof EvidenceLine>;

/** An entry of a roll's journals: in a report it is linked to the one before. */
export const Link = z.discriminatedUnion("kind", [CommandEntry, WriteEntry, StepEntry]);
export type Link = z.infer<typeof Link>;

export const EVIDENCE_FORMAT = "rollcall-evidence/1";

/** What is signed: the roll in numbers, and what ties them to the lines. */
export const EvidenceSeal = z.strictObject({
  format: z.literal(EVIDENCE_FORMAT),
  rollId: RollId,
  playbook: Playbook,
  outcome: RollOutcome,
  source: Text,
  alertId: Text,
  reason: Text,
  requestedBy: Text.optional(),
  requestedAt: Time,
  containedAt: Time.optional(),
  finishedAt: Time,
  planHash: Hash.optional(),
  /** Milliseconds from the request until devices were contained; absent where none was. */
  exposure: Exposure.optional(),
  /** Devices whose old credential may still open something; their lines say why. */
  exposed: z.int().nonnegative(),
  devices: z.int().nonnegative(),
  counts: DeviceCounts,
  /** Linked lines, and the last link. */
  journal: z.int().nonnegative(),
  chainHead: Hash,
  leaves: z.int().nonnegative(),
  merkleRoot: Hash,
  madeAt: Time,
});
export type EvidenceSeal = z.infer<typeof EvidenceSeal>;

/** Whose key signs, and how: `ES…` ECDSA as r and s side by side, `RS256` RSA PKCS #1 v1.5. */
export const EvidenceSigner = z.strictObject({
  algorithm: z.enum(["ES256", "ES384", "ES512", "RS256"]),
  /** SubjectPublicKeyInfo. */
  publicKeyPem: Text.max(4_000),
  /** Who vouches for it, where the setting says so. */
  certificatePem: Text.max(16_000).optional(),
});
export type EvidenceSigner = z.infer<typeof EvidenceSigner>;

/** `value`: base64 over the canonical text of `{seal, signer}`. */
export const EvidenceSignature = z.strictObject({ signer: EvidenceSigner, value: Text.max(4_000) });
export type EvidenceSignature = z.infer<typeof EvidenceSignature>;
