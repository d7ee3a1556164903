import type { MqttConnect } from "../mqtt/session";
import type { CloudToDevice } from "./cloud-to-device";
import type { HubCore } from "./core";
import { deviceTwinDocument } from "./documents";
import { HubError } from "./errors";
import { parsePropertyBag, topicParameter, type PropertyBag } from "./property-bag";
import type { LiveSession } from "./sessions";
import { takeTelemetry, type MessageSink } from "./telemetry";
import { parseReported } from "./twin";

/** Microsoft docs: a device-to-cloud message has at most 256 KB. */
const messageLimit = 256 * 1_024;

const sharedFilters = new Set([
  "$iothub/methods/POST/#",
  "$iothub/twin/res/#",
  "$iothub/twin/PATCH/properties/desired/#",
]);

/** Topics of the device side (Microsoft docs: iot-mqtt-connect-to-iot-hub). */
export class DeviceTopics {
  constructor(
    private readonly core: HubCore,
    private readonly sink: MessageSink,
    private readonly messages: CloudToDevice,
  ) {
    core.store.onTwinUpdate(({ record, change, kind }) => {
      const { desired } = change;
      const session = core.sessions.get(record.identity.deviceId, record.identity.moduleId);
      if (!session || desired === undefined) return;
      const { version, values } = record.twin.desired;
      const shown = kind === "replaceTwin" ? values : desired;
      session.mqtt.publish(
        `$iothub/twin/PATCH/properties/desired/?$version=${version}`,
        JSON.stringify({ ...shown, $version: version }),
      );
    });
  }

  maySubscribe(session: LiveSession, filter: string): boolean {
    if (sharedFilters.has(filter)) return true;
    const own = basePath(session);
    return (
      filter === `${own}/messages/devicebound/#` || (session.moduleId !== undefined && filter === `${own}/inputs/#`)
    );
  }

  /** A message of the device. Rejects, which ends the connection, for topics the hub does not know. */
  async received(session: LiveSession, topic: string, payload: Buffer, retain: boolean): Promise<void> {
    const events = `${basePath(session)}/messages/events/`;
    if (topic.startsWith(events) || `${topic}/` === events) {
      await this.telemetry(session, parsePropertyBag(topic.slice(events.length)), payload, retain);
      return;
    }
    const method = /^\$iothub\/methods\/res\/(-?\d+)\/\?(.*)$/.exec(topic);
    if (method) {
      session.answers.get(topicParameter(method[2] ?? "", "$rid") ?? "")?.(Number(method[1]), payload);
      return;
    }
    const get = /^\$iothub\/twin\/GET\/\?(.*)$/.exec(topic);
    if (get) {
      this.sendTwin(session, topicParameter(get[1] ?? "", "$rid") ?? "");
      return;
    }
    const patch = /^\$iothub\/twin\/PATCH\/properties\/reported\/\?(.*)$/.exec(topic);
    if (!patch) throw new Error(`The hub has no topic '${topic}'.`);
    this.report(session, topicParameter(patch[1] ?? "", "$rid") ?? "", payload);
  }

  /** The message that the device left for the case that its connection is lost. */
  async lastWill(session: LiveSession, will: NonNullable<MqttConnect["will"]>): Promise<void> {
    const events = `${basePath(session)}/messages/events/`;
    const bag = parsePropertyBag(will.topic.startsWith(events) ? will.topic.slice(events.length) : "");
    const applicationProperties = { ...bag.applicationProperties, "iothub-MessageType": "Will" };
    await this.telemetry(session, { ...bag, applicationProperties }, will.payload, will.retain);
  }

  private async telemetry(session: LiveSession, bag: PropertyBag, body: Buffer, retain: boolean): Promise<void> {
    if (body.length > messageLimit) throw new Error("The message is too large.");
    const applicationProperties = retain
      ? { ...bag.applicationProperties, "mqtt-retain": "true" }
      : bag.applicationProperties;
    const outcome = await takeTelemetry(this.core, this.sink, session, {
      bag: { ...bag, applicationProperties },
      body,
    });
    if (outcome === "lost") await new Promise(() => undefined); // no PUBACK, now or later
  }

  private sendTwin(session: LiveSession, requestId: string): void {
    const record = this.core.store.find(session.deviceId, session.moduleId);
    if (!record) return;
    const body = JSON.stringify(deviceTwinDocument(record.twin));
    session.mqtt.publish(`$iothub/twin/res/200/?$rid=${requestId}`, body);
  }

  private report(session: LiveSession, requestId: string, payload: Buffer): void {
    const record = this.core.store.find(session.deviceId, session.moduleId);
    if (!record) return;
    try {
      const change = { reported: parseReported(JSON.parse(payload.toString("utf8"))) };
      const next = this.core.store.draftTwin(record, change, "merge");
      this.core.store.writeTwin(next, change, "updateTwin", "device");
      session.mqtt.publish(`$iothub/twin/res/204/?$rid=${requestId}&$version=${next.twin.reported.version}`, "");
    } catch (error) {
      const status = error instanceof HubError ? error.status : 400;
      session.mqtt.publish(`$iothub/twin/res/${status}/?$rid=${requestId}`, JSON.stringify({ message: textOf(error) }));
    }
  }
}

function basePath(session: LiveSession): string {
  const device = `devices/${session.deviceId}`;
  return session.moduleId === undefined ? device : `${device}/modules/${session.moduleId}`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : "The request is not valid.";
}
