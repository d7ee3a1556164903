import { sleep } from "../clock";
import type { EventToAppend } from "../event-hubs/sink";
import type { HubCore } from "./core";
import type { PropertyBag } from "./property-bag";
import type { LiveSession } from "./sessions";

/** Where messages go after the hub took them. */
export interface MessageSink {
  /** A message of a device. */
  telemetry(event: EventToAppend): void;
}

/** A message from a device, with the properties that came in its topic. */
export interface DeviceMessage {
  readonly bag: PropertyBag;
  readonly body: Buffer;
}

/**
 * Takes a device's message: stamps it with who sent it (Microsoft docs: iot-hub-devguide-messages-construct) and hands
 * it on. Resolves when the hub would acknowledge it; `lost`: it must not be acknowledged.
 */
export async function takeTelemetry(
  core: HubCore,
  sink: MessageSink,
  session: LiveSession,
  message: DeviceMessage,
): Promise<"taken" | "lost"> {
  const effects = core.faults.take("hub.events.append", session.deviceId);
  for (const effect of effects) {
    if (effect.kind === "latency") await sleep(core.clock, effect.ms);
    if (effect.kind === "hang" || effect.kind === "status") return "lost";
  }
  const wait = core.quotas.waitFor("deviceToCloud");
  if (wait > 0) await sleep(core.clock, wait / Math.max(1, core.quotas.options.timeScale)); // MQTT is slowed, not refused
  if (effects.some((effect) => effect.kind === "acknowledged-not-done")) return "taken";
  sink.telemetry(stamped(core, session, message, "Telemetry"));
  await core.faults.done({ operation: "hub.events.append", subject: session.deviceId, write: true });
  if (effects.some((effect) => effect.kind === "reply-lost")) {
    session.mqtt.end();
    return "lost";
  }
  return "taken";
}

/** A message with the system properties of its sender. */
export function stamped(
  core: HubCore,
  session: LiveSession,
  { bag, body }: DeviceMessage,
  source: string,
): EventToAppend {
  const x509 = session.authenticatedBy === "x509";
  return {
    partitionKey: session.deviceId,
    body,
    applicationProperties: bag.applicationProperties,
    properties: bag.system,
    annotations: {
      "iothub-connection-device-id": session.deviceId,
      ...(session.moduleId === undefined ? {} : { "iothub-connection-module-id": session.moduleId }),
      "iothub-connection-auth-method": JSON.stringify({
        scope: session.moduleId === undefined ? "device" : "module",
        type: x509 ? core.switches.x509AuthMethodType : "sas",
        issuer: "iothub",
        acceptingIpFilterRule: null,
      }),
      "iothub-connection-auth-generation-id": session.generationId,
      "iothub-enqueuedtime": new Date(core.clock.now()),
      "iothub-message-source": source,
    },
  };
}
