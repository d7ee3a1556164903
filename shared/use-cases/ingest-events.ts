import { HeartbeatProperties, MESSAGE_TYPE, RollReport, signedText } from "../contract/device-messages";
import { isLater, mergeFacts, type DeviceFacts, type EventPosition, type VerifiedReport } from "../domain/device-facts";
import { DeviceId } from "../domain/ids";
import { parseInstant, type Instant } from "../domain/instant";
import { addEvents, NO_EVENTS, type EventCounts } from "../domain/source-counts";
import type { CertificateReader } from "../ports/certificates";
import type { Clock } from "../ports/clock";
import type { SourceCounters } from "../ports/source-counters";
import type { FactStore, PoisonEvent, PoisonStore } from "../ports/stores";

export interface IngestEventsDeps {
  readonly clock: Clock;
  readonly certificates: CertificateReader;
  readonly facts: FactStore;
  readonly poison: PoisonStore;
  /** Told of every device that was heard, once its facts are stored; default: nobody. */
  readonly notice?: (heard: readonly DeviceFacts[]) => Promise<void>;
  /** Keeps what this answers, summed up per source; default: nobody. */
  readonly counters?: Pick<SourceCounters, "add">;
}

/** One message of the hub's event stream. Its system properties are IoT Hub's word; everything else is the device's. */
export interface StreamEvent {
  readonly body: Uint8Array;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly systemProperties: Readonly<Record<string, unknown>>;
  readonly partition: string;
  readonly sequenceNumber: number;
  readonly offset: string;
  readonly enqueuedAt: Instant | undefined;
}

type Heard =
  | { readonly kind: "facts"; readonly facts: DeviceFacts }
  | { readonly kind: "ignored" }
  | { readonly kind: "poison"; readonly reason: string; readonly facts: DeviceFacts | undefined };

/**
 * Records what devices say. It knows nothing of rolls. Each event stands alone: a bad one is kept as poison and takes no
 * other with it. Throws only for storage outages, so that the trigger's retry policy brings the batch again; folding it
 * twice changes nothing.
 */
export function createIngestEvents({
  clock,
  certificates,
  facts,
  poison,
  notice,
  counters,
}: IngestEventsDeps): (hub: string, events: readonly StreamEvent[]) => Promise<EventCounts> {
  return async (hub, events) => {
    const merged = new Map<DeviceId, DeviceFacts>();
    const spoiled: PoisonEvent[] = [];
    const all = events.map((event) => ({ event, heard: hear(certificates, event) }));
    for (const { event, heard } of all) {
      if (heard.kind === "poison") spoiled.push(toPoison(hub, event, heard.reason, clock.now()));
      // A spoiled body still came over a session of that device: it was heard.
      if (heard.kind !== "ignored" && heard.facts !== undefined)
        merged.set(heard.facts.deviceId, mergeFacts(merged.get(heard.facts.deviceId), heard.facts));
    }
    if (spoiled.length > 0) await poison.put(spoiled);
    const before = merged.size === 0 ? NOBODY : await facts.merge([...merged.values()]);
    await notice?.([...merged.values()]);
    const bySource = count(hub, all, before);
    for (const [source, counts] of bySource) await counters?.add(source, counts, clock.now());
    return [...bySource.values()].reduce(addEvents, NO_EVENTS);
  };
}

const NOBODY: ReadonlyMap<DeviceId, EventPosition> = new Map();

/** Says of each event whether it told anything new, going by what was known before and by the events before it. */
function count(
  hub: string,
  all: readonly { readonly event: StreamEvent; readonly heard: Heard }[],
  before: ReadonlyMap<DeviceId, EventPosition>,
): ReadonlyMap<string, EventCounts> {
  const newest = new Map(before);
  const bySource = new Map<string, EventCounts>();
  for (const { event, heard } of all) {
    const word = heard.kind === "facts" ? noveltyOf(newest, heard.facts) : heard.kind;
    const source = `${hub}/${event.partition}`;
    const one = { ...NO_EVENTS, received: 1, [word]: 1 };
    bySource.set(source, addEvents(bySource.get(source) ?? NO_EVENTS, one));
  }
  return bySource;
}

function noveltyOf(
  newest: Map<DeviceId, EventPosition>,
  { deviceId, lastSeen }: DeviceFacts,
): "applied" | "duplicate" | "stale" {
  const known = newest.get(deviceId);
  if (known === undefined || isLater(lastSeen, known)) {
    newest.set(deviceId, lastSeen);
    return "applied";
  }
  return isLater(known, lastSeen) ? "stale" : "duplicate";
}

function hear(certificates: CertificateReader, event: StreamEvent): Heard {
  const { systemProperties: system, properties } = event;
  if (system["iothub-connection-module-id"] !== undefined) return { kind: "ignored" };
  const source = system["iothub-message-source"];
  if (source !== undefined && source !== "Telemetry") return { kind: "ignored" };
  const deviceId = DeviceId.safeParse(system["iothub-connection-device-id"]);
  if (!deviceId.success) return { kind: "poison", reason: "no device id from IoT Hub", facts: undefined };
  const enqueuedAt = readTime(system["iothub-enqueuedtime"]) ?? event.enqueuedAt;
  if (enqueuedAt === undefined) return { kind: "poison", reason: "no time from IoT Hub", facts: undefined };

  const heartbeat = HeartbeatProperties.parse(properties);
  const claimedNotAfter = heartbeat.certNotAfter === undefined ? undefined : parseInstant(heartbeat.certNotAfter);
  const generationId = system["iothub-connection-auth-generation-id"];
  const position = { enqueuedAt, partition: event.partition, sequenceNumber: event.sequenceNumber };
  const facts: DeviceFacts = {
    deviceId: deviceId.data,
    lastSeen: position,
    authentication: authenticationType(system["iothub-connection-auth-method"]),
    claimed:
      heartbeat.certThumbprint === undefined
        ? undefined
        : { position, sha256Thumbprint: heartbeat.certThumbprint, notAfter: claimedNotAfter },
    generationId: typeof generationId === "string" ? generationId : undefined,
  };
  return properties[MESSAGE_TYPE] === "rollReport" ? hearReport(certificates, event, facts) : { kind: "facts", facts };
}

function hearReport(certificates: CertificateReader, event: StreamEvent, facts: DeviceFacts): Heard {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(event.body));
  } catch {
    return { kind: "poison", reason: "rollReport without a JSON body", facts };
  }
  const report = RollReport.safeParse(json);
  if (!report.success) return { kind: "poison", reason: `rollReport: ${firstIssue(report.error.issues)}`, facts };
  const verified = verify(certificates, report.data, facts);
  // Unverified, it says no more than a heartbeat: what the session claims to use.
  const claimed = { ...facts, claimed: { position: facts.lastSeen, sha256Thumbprint: report.data.sha256Thumbprint } };
  return { kind: "facts", facts: verified === undefined ? claimed : { ...claimed, verified: [verified] } };
}

/** The report as a fact, if the key of the leaf that it names has signed it for this device. */
function verify(certificates: CertificateReader, report: RollReport, facts: DeviceFacts): VerifiedReport | undefined {
  if (report.signature === undefined) return undefined;
  const reading = certificates.readChain(report.chainPem);
  if (reading.outcome !== "read" || reading.chain.leaf.sha256Thumbprint !== report.sha256Thumbprint) return undefined;
  const { pem, leaf } = reading.chain;
  if (!certificates.verifySignature(pem, signedText(report, facts.deviceId), report.signature)) return undefined;
  return {
    position: facts.lastSeen,
    rollId: report.rollId,
    attemptId: report.attemptId,
    nonce: report.nonce,
    phase: report.phase,
    sha256Thumbprint: leaf.sha256Thumbprint,
    notAfter: leaf.notAfter,
    chainPem: pem,
    authentication: facts.authentication ?? "unknown",
    ...(report.error === undefined ? {} : { error: wordsOf(report.error) }),
  };
}

/** A word or a sentence; whatever else a device puts there (it may be a key) is not kept. */
function wordsOf(error: string): string {
  return /^[A-Za-z0-9 .,:;'()_-]{1,200}$/.test(error) && !/[A-Za-z0-9]{40}/.test(error) ? error : "unreadable";
}

/** IoT Hub's `iothub-connection-auth-method` is JSON in a string; `type` is what matters. */
function authenticationType(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === "object" && parsed !== null && "type" in parsed && typeof parsed.type === "string")
      return parsed.type;
  } catch {
    return value;
  }
  return undefined;
}

function readTime(value: unknown): Instant | undefined {
  if (value instanceof Date) return parseInstant(value.toISOString());
  return typeof value === "string" ? parseInstant(value) : undefined;
}

function firstIssue(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): string {
  const [issue] = issues;
  return issue === undefined ? "unreadable" : `${issue.path.map(String).join(".")} ${issue.message}`;
}

const POISON_BYTES = 8 * 1024;

export function toPoison(hub: string, event: StreamEvent, reason: string, at: Instant): PoisonEvent {
  const deviceId = event.systemProperties["iothub-connection-device-id"];
  return {
    hub,
    partition: event.partition,
    sequenceNumber: event.sequenceNumber,
    offset: event.offset,
    at,
    reason,
    deviceId: typeof deviceId === "string" ? deviceId : undefined,
    bodyBase64: Buffer.from(event.body.subarray(0, POISON_BYTES)).toString("base64"),
  };
}
