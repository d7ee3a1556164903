import { randomUUID } from "node:crypto";
import { HubError, notFound } from "./errors";
import { formatPropertyBag } from "./property-bag";
import type { Presences } from "./presence";
import type { LiveSession, Sessions } from "./sessions";
import type { HubStore } from "./store";

/** Microsoft docs, iot-hub-devguide-messages-c2d: a device's queue holds at most 50 messages. */
const queueLimit = 50;

interface QueuedMessage {
  readonly messageId: string;
  readonly topic: string;
  readonly body: Buffer;
}

/** Messages to devices, kept until the device acknowledged them; gone with the device. */
export class CloudToDevice {
  private readonly queues = new Map<string, QueuedMessage[]>();

  constructor(
    private readonly store: HubStore,
    private readonly sessions: Sessions,
    private readonly presences: Presences,
  ) {
    store.onRegistryChange(({ kind, before }) => {
      if (kind === "deleted" && before && before.identity.moduleId === undefined) {
        this.queues.delete(before.identity.deviceId);
        presences.forget(before.identity.deviceId);
      }
    });
  }

  /** Queues a message and, if the device listens, sends it; answers its id. */
  send(deviceId: string, body: Buffer, properties: Readonly<Record<string, string>> = {}): string {
    if (!this.store.device(deviceId)) throw notFound.device(deviceId);
    const queue = this.queues.get(deviceId) ?? [];
    if (queue.length >= queueLimit) {
      throw new HubError("IotHubQuotaExceeded", `The queue of device '${deviceId}' is full.`);
    }
    const messageId = properties["$.mid"] ?? randomUUID();
    const system = { "$.mid": messageId, "$.to": `/devices/${deviceId}/messages/devicebound` };
    const topic = `devices/${deviceId}/messages/devicebound/${formatPropertyBag({ ...system, ...properties })}`;
    queue.push({ messageId, topic, body });
    this.queues.set(deviceId, queue);
    this.count(deviceId);
    const session = this.sessions.get(deviceId);
    if (session) this.deliver(session);
    return messageId;
  }

  /** How many messages wait for a device. */
  waiting(deviceId: string): number {
    return this.queues.get(deviceId)?.length ?? 0;
  }

  /** Sends what waits for a device, if it subscribed; a message leaves the queue when it is acknowledged. */
  deliver(session: LiveSession): void {
    if (session.moduleId !== undefined) return;
    for (const message of this.queues.get(session.deviceId) ?? []) {
      if (this.sent.get(message) === session) continue;
      const accepted = session.mqtt.publish(message.topic, message.body, 1, () => this.done(session.deviceId, message));
      if (accepted) this.sent.set(message, session);
    }
  }

  /** Over which connection each message was last sent: a new connection gets it again. */
  private readonly sent = new WeakMap<QueuedMessage, LiveSession>();

  private done(deviceId: string, message: QueuedMessage): void {
    const queue = this.queues.get(deviceId);
    if (!queue) return;
    this.queues.set(
      deviceId,
      queue.filter((waiting) => waiting !== message),
    );
    this.count(deviceId);
  }

  private count(deviceId: string): void {
    this.presences.touch(deviceId).queuedMessages = this.waiting(deviceId);
  }
}
