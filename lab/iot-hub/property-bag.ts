import type { EventProperties } from "../event-hubs/event";

/** A device's message properties as they travel at the end of an MQTT topic. */
export interface PropertyBag {
  readonly applicationProperties: Readonly<Record<string, string>>;
  readonly system: EventProperties;
}

/** Names of system properties in a topic (Microsoft docs: iot-mqtt-connect-to-iot-hub). */
const systemNames: Readonly<Record<string, Exclude<keyof EventProperties, "creationTime">>> = {
  "$.mid": "messageId",
  "$.cid": "correlationId",
  "$.uid": "userId",
  "$.ct": "contentType",
  "$.ce": "contentEncoding",
  "$.sub": "subject",
  "$.to": "to",
};

/** Reads `%24.mid=..&k%20y=v%26%3D1`; what cannot be decoded is taken as it stands. */
export function parsePropertyBag(text: string): PropertyBag {
  const applicationProperties: Record<string, string> = {};
  const system: Partial<Record<Exclude<keyof EventProperties, "creationTime">, string>> = {};
  let creationTime: Date | undefined;
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const name = decode(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? "" : decode(pair.slice(at + 1));
    const known = systemNames[name];
    if (known) system[known] = value;
    else if (name === "$.ctime") creationTime = Number.isNaN(Date.parse(value)) ? undefined : new Date(value);
    else if (!name.startsWith("$.")) applicationProperties[name] = value;
  }
  return { applicationProperties, system: { ...system, ...(creationTime ? { creationTime } : {}) } };
}

/** Writes a bag for a message to a device. */
export function formatPropertyBag(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
}

/** The value of `name` in a topic's query part such as `?$rid=5&$version=2`. */
export function topicParameter(text: string, name: string): string | undefined {
  for (const pair of text.split("&")) {
    const at = pair.indexOf("=");
    if (at > 0 && decode(pair.slice(0, at)) === name) return decode(pair.slice(at + 1));
  }
  return undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
