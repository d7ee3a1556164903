import { z } from "zod";
import { HubName, HubWord, mergeWords, noveltyOfWord } from "./hub/hub-word";
import { DeviceId, RollId, AttemptId, Sha256Thumbprint } from "./ids";
import { Instant } from "./instant";

/** How many table partitions the facts of a fleet are spread over. */
export const FACT_PARTITIONS = 16;

/**
 * Verified reports kept per device, one per leaf. Whoever holds a session can sign reports by certificates of his own making,
 * so that a single place would be his to take; the number bounds the row (a chain has at most 32,000 characters).
 */
export const VERIFIED_KEPT = 3;

/** A moment in a device's event stream: the hub's clock first, the sequence number breaks ties within a partition. */
export const EventPosition = z.object({
  enqueuedAt: Instant,
  partition: z.string(),
  sequenceNumber: z.int(),
});
export type EventPosition = z.infer<typeof EventPosition>;

/** A report whose signature was made by the key of the leaf it names. */
export const VerifiedReport = z.object({
  position: EventPosition,
  rollId: RollId,
  attemptId: AttemptId,
  nonce: z.string(),
  phase: z.string(),
  sha256Thumbprint: Sha256Thumbprint,
  notAfter: Instant.optional(),
  /** The leaf and its intermediates as the device sent them, cleaned. */
  chainPem: z.string(),
  authentication: z.string(),
  /** Why it could not change over, in the device's words. */
  error: z.string().max(200).optional(),
});
export type VerifiedReport = z.infer<typeof VerifiedReport>;

/**
 * What the event stream says about one device. Written only by the event consumer, which knows nothing of rolls; a device
 * can claim anything here except a verified report for a key it does not hold.
 */
export const DeviceFacts = z.object({
  deviceId: DeviceId,
  /** The newest message of any kind; absent: only its hub has spoken of it so far. */
  lastSeen: EventPosition.optional(),
  /** What the device last said it is using, and when; a claim. */
  claimed: z
    .object({ position: EventPosition, sha256Thumbprint: Sha256Thumbprint, notAfter: Instant.optional() })
    .optional(),
  /** Set by IoT Hub on the message: how the session authenticated, such as `x509`. */
  authentication: z.string().optional(),
  generationId: z.string().optional(),
  /** The newest per leaf, newest first; the oldest of too many gives way. */
  verified: z.array(VerifiedReport).max(VERIFIED_KEPT).optional(),
  /** What hubs tell of the device by themselves, by hub: events of connection and lifecycle, connection logs. */
  hubs: z.record(HubName, HubWord).optional(),
});
export type DeviceFacts = z.infer<typeof DeviceFacts>;

/** Partition of a device id: a small hash that is stable for ever (FNV-1a over UTF-16 code units, modulo the count). */
export function factPartition(deviceId: DeviceId): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < deviceId.length; i += 1) {
    hash ^= deviceId.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash % FACT_PARTITIONS;
}

/** True if `a` is later than `b` in the stream. */
export function isLater(a: EventPosition, b: EventPosition): boolean {
  return a.enqueuedAt === b.enqueuedAt ? a.sequenceNumber > b.sequenceNumber : a.enqueuedAt > b.enqueuedAt;
}

/**
 * Folds what a new event says into what is known. Monotone: folding the same events in any order, and any of them twice,
 * gives the same facts.
 */
export function mergeFacts(known: DeviceFacts | undefined, heard: DeviceFacts): DeviceFacts {
  if (known === undefined) return heard;
  return {
    ...(isNewer(heard.lastSeen, known.lastSeen) ? heard : known),
    claimed: later(known.claimed, heard.claimed),
    verified: newestPerLeaf(known.verified, heard.verified),
    ...mergeHubs(known.hubs, heard.hubs),
  };
}

function isNewer(heard: EventPosition | undefined, known: EventPosition | undefined): boolean {
  return heard !== undefined && (known === undefined || isLater(heard, known));
}

function mergeHubs(known: DeviceFacts["hubs"], heard: DeviceFacts["hubs"]): Pick<DeviceFacts, "hubs"> {
  if (known === undefined || heard === undefined) return { hubs: known ?? heard };
  const merged = Object.entries(heard).map(([hub, word]) => [hub, mergeWords(known[hub], word)] as const);
  return { hubs: { ...known, ...Object.fromEntries(merged) } };
}

/** Whether one event's facts are newer than what was known, the very same, or overtaken. */
export function noveltyOf(known: DeviceFacts | undefined, heard: DeviceFacts): "applied" | "duplicate" | "stale" {
  const [told] = Object.entries(heard.hubs ?? {});
  if (told !== undefined) return noveltyOfWord(known?.hubs?.[told[0]], told[1]);
  if (isNewer(heard.lastSeen, known?.lastSeen)) return "applied";
  return isNewer(known?.lastSeen, heard.lastSeen) ? "stale" : "duplicate";
}

function newestPerLeaf(
  known: readonly VerifiedReport[] | undefined,
  heard: readonly VerifiedReport[] | undefined,
): VerifiedReport[] | undefined {
  if (known === undefined && heard === undefined) return undefined;
  const byLeaf = new Map<Sha256Thumbprint, VerifiedReport>();
  for (const report of [...(known ?? []), ...(heard ?? [])])
    byLeaf.set(report.sha256Thumbprint, later(byLeaf.get(report.sha256Thumbprint), report) ?? report);
  return [...byLeaf.values()].sort(newestFirst).slice(0, VERIFIED_KEPT);
}

/** Any two leaves have one order, so that the facts do not depend on the order of arrival. */
function newestFirst(a: VerifiedReport, b: VerifiedReport): number {
  if (isLater(a.position, b.position)) return -1;
  if (isLater(b.position, a.position)) return 1;
  return a.sha256Thumbprint < b.sha256Thumbprint ? -1 : 1;
}

/** The later of two statements; each has a position of its own, because not every event carries one. */
function later<T extends { readonly position: EventPosition }>(a: T | undefined, b: T | undefined): T | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return isLater(b.position, a.position) ? b : a;
}
