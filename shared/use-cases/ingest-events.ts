import { HeartbeatProperties, MESSAGE_TYPE, RollReport, signedText } from "../contract/device-messages";
import { HUB_SOURCES, ofLinkedHub, readRoutedEvent } from "../contract/hub-events";
import type { DeviceFacts, EventPosition, VerifiedReport } from "../domain/device-facts";
import { DeviceId } from "../domain/ids";
import { parseInstant, type Instant } from "../domain/instant";
import type { EventCounts } from "../domain/source-counts";
import type { CertificateReader } from "../ports/certificates";
import type { StreamEvent } from "../ports/event-stream";
import { createIntake, toPoison, type IntakeDeps } from "./intake";
import { jsonOf } from "./json-body";

export interface IngestEventsDeps extends IntakeDeps {
  readonly certificates: CertificateReader;
  /** The linked hubs' names; what hubs tell of others is ignored. Default: of any. */
  readonly hubNames?: ReadonlySet<string>;
}

type Said = { readonly kind: "facts"; readonly facts: DeviceFacts } | { readonly kind: "ignored" } | Spoiled;
interface Spoiled {
  readonly kind: "poison";
  readonly reason: string;
  readonly facts?: DeviceFacts;
}
/** What is known of a device by one message of its own. */
type HeardFacts = DeviceFacts & { readonly lastSeen: EventPosition };

/**
 * Records what devices say, and what their hub says of them in the same stream. It knows nothing of rolls. Each event stands
 * alone: a bad one is kept as poison and takes no other with it. Throws only for storage outages, so that the trigger's
 * retry policy brings the batch again; folding it twice changes nothing.
 */
export function createIngestEvents(
  deps: IngestEventsDeps,
): (hub: string, events: readonly StreamEvent[]) => Promise<EventCounts> {
  const take = createIntake(deps);
  return (hub, events) => {
    const at = deps.clock.now();
    return take(
      events.map((event) => {
        const said = hear(deps, event);
        const source = `${hub}/${event.partition}`;
        if (said.kind !== "poison") return { source, heard: said };
        // A spoiled body still came over a session of that device: it was heard.
        const { kind, reason, facts } = said;
        return { source, heard: { kind, poison: toPoison(hub, event, reason, at), facts } };
      }),
    );
  };
}

function hear({ certificates, hubNames }: IngestEventsDeps, event: StreamEvent): Said {
  const { systemProperties: system, properties } = event;
  const source = system["iothub-message-source"];
  if (HUB_SOURCES.has(source)) return ofLinkedHub(readRoutedEvent(properties, jsonOf(event.body)), hubNames);
  if (system["iothub-connection-module-id"] !== undefined) return { kind: "ignored" };
  if (source !== undefined && source !== "Telemetry") return { kind: "ignored" };
  const deviceId = DeviceId.safeParse(system["iothub-connection-device-id"]);
  if (!deviceId.success) return { kind: "poison", reason: "no device id from IoT Hub" };
  const enqueuedAt = readTime(system["iothub-enqueuedtime"]) ?? event.enqueuedAt;
  if (enqueuedAt === undefined) return { kind: "poison", reason: "no time from IoT Hub" };

  const heartbeat = HeartbeatProperties.parse(properties);
  const claimedNotAfter = heartbeat.certNotAfter === undefined ? undefined : parseInstant(heartbeat.certNotAfter);
  const generationId = system["iothub-connection-auth-generation-id"];
  const position = { enqueuedAt, partition: event.partition, sequenceNumber: event.sequenceNumber };
  const facts: HeardFacts = {
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

function hearReport(certificates: CertificateReader, event: StreamEvent, facts: HeardFacts): Said {
  const json = jsonOf(event.body);
  if (json === undefined) return { kind: "poison", reason: "rollReport without a JSON body", facts };
  const report = RollReport.safeParse(json);
  if (!report.success) return { kind: "poison", reason: `rollReport: ${firstIssue(report.error.issues)}`, facts };
  const verified = verify(certificates, report.data, facts);
  // Unverified, it says no more than a heartbeat: what the session claims to use.
  const claimed = { ...facts, claimed: { position: facts.lastSeen, sha256Thumbprint: report.data.sha256Thumbprint } };
  return { kind: "facts", facts: verified === undefined ? claimed : { ...claimed, verified: [verified] } };
}

/** The report as a fact, if the key of the leaf that it names has signed it for this device. */
function verify(certificates: CertificateReader, report: RollReport, facts: HeardFacts): VerifiedReport | undefined {
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
