import { z } from "zod";
import type { DeviceFacts } from "../domain/device-facts";
import { ConnectionChange, HubName, type HubWord, type Refusal } from "../domain/hub/hub-word";
import { DeviceId, Sha256Thumbprint } from "../domain/ids";
import { parseInstant, type Instant } from "../domain/instant";

/** What a hub tells of a device by itself, read: facts, nothing that concerns us, or why it cannot be read. */
export type HubTold =
  | { readonly kind: "facts"; readonly facts: DeviceFacts }
  | { readonly kind: "ignored" }
  | { readonly kind: "poison"; readonly reason: string };

const IGNORED: HubTold = { kind: "ignored" };

/** `iothub-message-source` of messages that a hub routes to an event stream beside those of devices. */
export const HUB_SOURCES: ReadonlySet<unknown> = new Set(["deviceConnectionStateEvents", "deviceLifecycleEvents"]);

/** Application properties that the hub writes on them. */
const Routed = z.object({
  hubName: z.string(),
  deviceId: DeviceId,
  moduleId: z.unknown().optional(),
  opType: z.string(),
  operationTimestamp: z.string(),
});
const RoutedBody = z.object({ sequenceNumber: z.string() });

/** By `opType` of routed messages and by Event Grid's types, in lower case. */
const KINDS: ReadonlyMap<string, keyof HubWord> = new Map([
  ["deviceconnected", "connected"],
  ["devicedisconnected", "disconnected"],
  ["createdeviceidentity", "created"],
  ["deletedeviceidentity", "deleted"],
  ["devicecreated", "created"],
  ["devicedeleted", "deleted"],
]);

/**
 * A message that the hub has routed, its body as JSON. Its properties are the hub's: call this only where the message source
 * says so.
 */
export function readRoutedEvent(properties: unknown, body: unknown): HubTold {
  const routed = Routed.safeParse(properties);
  if (!routed.success) return unreadable(routed.error);
  const { hubName, deviceId, moduleId, opType, operationTimestamp } = routed.data;
  if (moduleId !== undefined) return IGNORED;
  const sequence = RoutedBody.safeParse(body).data?.sequenceNumber;
  return tell(KINDS.get(opType.toLowerCase()), { hubName, deviceId, at: operationTimestamp, sequence });
}

const GRID_TYPE = /^Microsoft\.Devices\.(Device(?:Connected|Disconnected|Created|Deleted))$/i;

/** Data of `Microsoft.Devices.*` events, in the Event Grid and the CloudEvents schema alike. */
const GridData = z.object({
  hubName: z.string(),
  deviceId: DeviceId,
  moduleId: z.string().optional(),
  deviceConnectionStateEventInfo: z.object({ sequenceNumber: z.string() }).optional(),
});

/** An event of Event Grid about a device; undefined for every other type of event. */
export function readGridHubEvent(type: string, time: string | undefined, data: unknown): HubTold | undefined {
  const [, name] = GRID_TYPE.exec(type) ?? [];
  if (name === undefined) return undefined;
  const event = GridData.safeParse(data);
  if (!event.success) return unreadable(event.error);
  const { hubName, deviceId, moduleId, deviceConnectionStateEventInfo: info } = event.data;
  if (moduleId !== undefined && moduleId !== "") return IGNORED;
  return tell(KINDS.get(name.toLowerCase()), { hubName, deviceId, at: time ?? "", sequence: info?.sequenceNumber });
}

interface Told {
  readonly hubName: string;
  readonly deviceId: DeviceId;
  readonly at: string;
  readonly sequence: string | undefined;
}

function tell(kind: keyof HubWord | undefined, { hubName, deviceId, at: time, sequence }: Told): HubTold {
  if (kind === undefined) return IGNORED;
  const at = parseInstant(time);
  if (at === undefined) return { kind: "poison", reason: "no time from IoT Hub" };
  if (kind === "created" || kind === "deleted") return say(deviceId, hubName, { [kind]: at });
  const change = ConnectionChange.safeParse({ at, sequence: sequence?.toUpperCase() });
  if (!change.success) return { kind: "poison", reason: "a change of a connection without its sequence number" };
  return say(deviceId, hubName, { [kind]: change.data });
}

function say(deviceId: DeviceId, hubName: string, word: HubWord): HubTold {
  const hub = HubName.safeParse(hubName.toLowerCase());
  if (!hub.success) return { kind: "poison", reason: "no hub's name" };
  return { kind: "facts", facts: { deviceId, hubs: { [hub.data]: word } } };
}

/** An event of a stream of resource logs, as a diagnostic setting writes them to an event hub. */
export const LogEvent = z.object({ records: z.array(z.unknown()) });

const LogRecord = z.looseObject({ category: z.string() });
const ConnectionRecord = z.object({
  time: z.string(),
  /** Ends in the hub's name, in upper case. */
  resourceId: z.string(),
  operationName: z.string(),
  level: z.string().optional(),
  resultType: z.union([z.string(), z.number()]).optional(),
  resultDescription: z.string().optional(),
  /** JSON in a string; some exporters unpack it. */
  properties: z.unknown(),
});
const ConnectionProperties = z.looseObject({
  deviceId: DeviceId,
  moduleId: z.string().optional(),
  statusCode: z.union([z.string(), z.number()]).optional(),
});

/** One record. Only attempts to connect tell something; other operations and categories are ignored. */
export function readConnectionRecord(record: unknown): HubTold {
  const log = LogRecord.safeParse(record);
  if (!log.success) return { kind: "poison", reason: "no record of a resource log" };
  if (log.data.category.toLowerCase() !== "connections") return IGNORED;
  const parsed = ConnectionRecord.safeParse(record);
  if (!parsed.success) return unreadable(parsed.error);
  const { time, resourceId, operationName, level = "", resultType = 0, resultDescription = "" } = parsed.data;
  if (operationName.toLowerCase() !== "deviceconnect") return IGNORED;
  const about = ConnectionProperties.safeParse(unpacked(parsed.data.properties));
  if (!about.success) return unreadable(about.error);
  const { deviceId, moduleId, statusCode = 0 } = about.data;
  if (moduleId !== undefined) return IGNORED;
  const at = parseInstant(time);
  if (at === undefined) return { kind: "poison", reason: "no time from IoT Hub" };
  const code = [resultType, statusCode].map(String).find((text) => /^[1-9]\d{2,5}$/.test(text));
  const failed = level.toLowerCase() === "error" || Number(resultType) > 0;
  const word = failed ? { refused: refusal(at, code ?? "0", resultDescription) } : { admitted: at };
  return say(deviceId, resourceId.split("/").at(-1) ?? "", word);
}

function unpacked(properties: unknown): unknown {
  if (typeof properties !== "string") return properties;
  try {
    return JSON.parse(properties);
  } catch {
    return undefined;
  }
}

/** "Thumbprint does not match configuration: Thumbprint: SHA1Hash=…, SHA2Hash=…; Configuration: …" */
function refusal(at: Instant, code: string, description: string): Refusal {
  const [, hash = ""] = /Thumbprint: SHA1Hash=[^;]*SHA2Hash=([0-9A-Fa-f]{64})/.exec(description.slice(0, 2_000)) ?? [];
  const leaf = Sha256Thumbprint.safeParse(hash.toUpperCase());
  return { at, code, ...(leaf.success ? { sha256Thumbprint: leaf.data } : {}) };
}

function unreadable(error: z.ZodError): HubTold {
  const [issue] = error.issues;
  return { kind: "poison", reason: issue === undefined ? "unreadable" : `${issue.path.join(".")} ${issue.message}` };
}

/** What a hub that is none of ours tells concerns nobody here. */
export function ofLinkedHub(told: HubTold, hubNames: ReadonlySet<string> | undefined): HubTold {
  if (told.kind !== "facts" || hubNames === undefined) return told;
  const names = Object.keys(told.facts.hubs ?? {});
  return names.every((name) => hubNames.has(name)) ? told : { kind: "ignored" };
}
