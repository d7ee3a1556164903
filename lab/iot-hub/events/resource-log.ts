import type { EventSink } from "../../event-hubs/sink";
import type { ConnectionAttempt } from "../connection-log";
import type { HubCore } from "../core";

/** A record of the `Connections` category (Microsoft docs: monitor-iot-hub-reference). */
export interface ConnectionResourceLog {
  readonly time: string;
  readonly resourceId: string;
  readonly operationName: "deviceConnect" | "deviceDisconnect";
  readonly category: "Connections";
  readonly level: "Information" | "Error";
  /** The error number, absent on success. */
  readonly resultType?: string;
  readonly resultDescription?: string;
  /** JSON text: deviceId, protocol, authType, maskedIpAddress, statusCode. */
  readonly properties: string;
  readonly location: "lab";
}

/** Streams connection logs to an event hub, one batch object per record, as a diagnostic setting does. */
export function streamResourceLogs(core: HubCore, sink: EventSink, eventHub: string): void {
  sink.define({ name: eventHub });
  core.log.onAttempt((attempt) => {
    const records = [resourceLogOf(core.hostName, attempt)];
    sink.append(eventHub, { body: Buffer.from(JSON.stringify({ records })) });
  });
}

export function resourceLogOf(hostName: string, attempt: ConnectionAttempt): ConnectionResourceLog {
  const [resultType, name] = resultOf(attempt);
  const hub = (hostName.split(".")[0] ?? hostName).toUpperCase();
  return {
    time: new Date(attempt.at).toISOString(),
    resourceId: `/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000000/RESOURCEGROUPS/LAB/PROVIDERS/MICROSOFT.DEVICES/IOTHUBS/${hub}`,
    operationName: attempt.outcome === "dropped" ? "deviceDisconnect" : "deviceConnect",
    category: "Connections",
    level: resultType === undefined ? "Information" : "Error",
    ...(resultType === undefined ? {} : { resultType, resultDescription: `${resultType};${name};${attempt.reason}` }),
    properties: JSON.stringify({
      deviceId: attempt.deviceId,
      ...(attempt.moduleId === undefined ? {} : { moduleId: attempt.moduleId }),
      protocol: "Mqtt",
      authType: attempt.sha256Thumbprint === undefined ? "" : '{"scope":"device","type":"x509","issuer":"external"}',
      maskedIpAddress: "127.0.0.XXX",
      statusCode: resultType === undefined ? "0" : "401",
    }),
    location: "lab",
  };
}

function resultOf(attempt: ConnectionAttempt): [string | undefined, string] {
  if (attempt.outcome === "accepted") return [undefined, ""];
  if (attempt.outcome === "refused") return ["401003", "IotHubUnauthorized"];
  const numbered = /^(\d{6}) (\w+)/.exec(attempt.reason);
  return numbered ? [numbered[1], numbered[2] ?? ""] : ["404104", "DeviceConnectionClosedRemotely"];
}
