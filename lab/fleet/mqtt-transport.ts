import { realClock } from "../clock";
import type { LabClock } from "../clock";
import type { Dialer } from "./dialer";
import { registerOnce } from "./dps-client";
import { connectMqtt, MqttRefused } from "./mqtt-client";
import type { MqttConnection } from "./mqtt-client";
import { HubUnauthorized, messageOf } from "./transport";
import type { DeviceMessage, DeviceTransport, HubRequest, HubSession, MethodAnswer } from "./transport";

export interface MqttTransportOptions {
  readonly dial: Dialer;
  readonly dps: {
    /** Default `global.azure-devices-provisioning.net`. */
    readonly hostName?: string;
    readonly idScope: string;
  };
  readonly clock?: LabClock;
  /** Milliseconds to wait for each answer of a service. Default 10,000. */
  readonly timeoutMs?: number;
}

export const globalDpsHostName = "global.azure-devices-provisioning.net";
const defaultTimeoutMs = 10_000;
const notAuthorized = 5;

/** The fleet's own transport: mqtt.js, light enough for hundreds of devices in one process. */
export function mqttTransport(options: MqttTransportOptions): DeviceTransport {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const dps = {
    dial: options.dial,
    hostName: options.dps.hostName ?? globalDpsHostName,
    idScope: options.dps.idScope,
    clock: options.clock ?? realClock,
    timeoutMs,
  };
  return {
    register: (registrationId, credential) => registerOnce(registrationId, credential, dps),
    openHub: (request) => openHub(options.dial, request, timeoutMs),
  };
}

async function openHub(dial: Dialer, request: HubRequest, timeoutMs: number): Promise<HubSession> {
  const { hubHostName, deviceId, moduleId, credential } = request;
  // A module's client id and user name: Microsoft docs, iot-mqtt-connect-to-iot-hub, "module identity".
  const clientId = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
  const mqtt = await connectMqtt(() => dial(hubHostName, credential), {
    clientId,
    username: `${hubHostName}/${clientId}/?api-version=2021-04-12&DeviceClientType=rollcall-fleet`,
    clean: false,
    timeoutMs,
  }).catch((error: unknown) => {
    throw error instanceof MqttRefused && error.code === notAuthorized ? new HubUnauthorized(error.message) : error;
  });
  try {
    await serveMethods(mqtt, (name, payload) => request.onMethod(name, payload));
  } catch (error) {
    mqtt.end();
    throw error;
  }
  const source = moduleId === undefined ? deviceId : `${deviceId}/modules/${moduleId}`;
  return {
    get open() {
      return mqtt.open;
    },
    closed: mqtt.closed,
    send: (message) => mqtt.publish(telemetryTopic(source, message), message.body ?? "", 1),
    close: () => mqtt.end(),
  };
}

/** Subscribes a session to direct methods and answers each with what `onMethod` says; 500 when it throws. */
export async function serveMethods(mqtt: MqttConnection, onMethod: HubRequest["onMethod"]): Promise<void> {
  mqtt.onMessage((topic, payload) => {
    // A session that ends while the answer is on its way has nobody left to answer to.
    void answerMethod(mqtt, onMethod, topic, payload).catch(() => undefined);
  });
  await mqtt.subscribe("$iothub/methods/POST/#", 0);
}

async function answerMethod(
  mqtt: MqttConnection,
  onMethod: HubRequest["onMethod"],
  topic: string,
  payload: Buffer,
): Promise<void> {
  const call = /^\$iothub\/methods\/POST\/([^/]+)\/\?\$rid=(.+)$/.exec(topic);
  if (call === null) return;
  const [, name = "", rid = ""] = call;
  let answer: MethodAnswer;
  try {
    answer = await onMethod(name, parseJson(payload));
  } catch (error) {
    answer = { status: 500, payload: { error: messageOf(error) } };
  }
  await mqtt.publish(`$iothub/methods/res/${answer.status}/?$rid=${rid}`, JSON.stringify(answer.payload ?? {}), 0);
}

/**
 * Properties travel in the topic: Microsoft docs, iot-mqtt-connect-to-iot-hub, "Sending device-to-cloud messages". `source`: `{device}` or
 * `{device}/modules/{module}`.
 */
export function telemetryTopic(source: string, message: DeviceMessage): string {
  const system = message.contentType === undefined ? {} : { "$.ct": message.contentType, "$.ce": "utf-8" };
  const bag = Object.entries({ ...system, ...message.properties })
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
  return `devices/${source}/messages/events/${bag}`;
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString()) as unknown;
  } catch {
    return undefined;
  }
}
