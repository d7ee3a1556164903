import type { EventToAppend } from "../../event-hubs/sink";
import type { HubCore } from "../core";
import { sectionDocument, twinDocument } from "../documents";
import { identityKey } from "../identity";
import type { LiveSession } from "../sessions";
import type { HubRecord, RegistryChange, TwinUpdate } from "../store";
import type { MessageRouter, RouteSource } from "./routing";

/** A change of a device's connection, as Event Grid and routes tell of it. */
export interface ConnectionEvent {
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly connected: boolean;
  /** 64 hex digits; to be compared as text. */
  readonly sequenceNumber: string;
  readonly at: number;
}

/** A device that was created or deleted. */
export interface LifecycleEvent {
  readonly kind: "created" | "deleted";
  readonly record: HubRecord;
  readonly at: number;
}

/**
 * Tells of what happens in the hub beside messages: connections, lifecycle, twins (Microsoft docs:
 * iot-hub-non-telemetry-event-schema).
 */
export class HubEvents {
  private readonly connectionListeners = new Set<(event: ConnectionEvent) => void>();
  private readonly lifecycleListeners = new Set<(event: LifecycleEvent) => void>();
  /** Last state told, by identity: a snapshot tells only of what differs. */
  private readonly told = new Map<string, boolean>();
  private readonly changed = new Map<string, LiveSession>();
  private snapshotPlanned = false;
  private sequence = 0n;

  constructor(
    private readonly core: HubCore,
    private readonly router: MessageRouter,
  ) {
    core.sessions.onActive((session) => this.connectionChanged(session));
    core.sessions.onClosed((session) => {
      if (session.active) this.connectionChanged(session);
    });
    core.store.onRegistryChange((change) => this.registryChanged(change));
    core.store.onTwinUpdate((update) => this.twinChanged(update));
  }

  onConnection(listener: (event: ConnectionEvent) => void): void {
    this.connectionListeners.add(listener);
  }

  onLifecycle(listener: (event: LifecycleEvent) => void): void {
    this.lifecycleListeners.add(listener);
  }

  private connectionChanged(session: LiveSession): void {
    const every = this.core.switches.connectionEventSnapshotMs;
    if (every <= 0) {
      this.tell(session, session.mqtt.open);
      return;
    }
    this.changed.set(identityKey(session.deviceId, session.moduleId), session);
    if (this.snapshotPlanned) return;
    this.snapshotPlanned = true;
    this.core.clock.after(every, () => this.snapshot());
  }

  private snapshot(): void {
    this.snapshotPlanned = false;
    for (const [key, session] of this.changed) {
      const connected = this.core.sessions.get(session.deviceId, session.moduleId)?.active ?? false;
      if ((this.told.get(key) ?? false) !== connected) this.tell(session, connected);
    }
    this.changed.clear();
  }

  private tell({ deviceId, moduleId }: LiveSession, connected: boolean): void {
    this.told.set(identityKey(deviceId, moduleId), connected);
    this.sequence += 1n;
    const sequenceNumber = this.sequence.toString(16).toUpperCase().padStart(64, "0");
    const at = this.core.clock.now();
    const event = { deviceId, ...(moduleId === undefined ? {} : { moduleId }), connected, sequenceNumber, at };
    const opType = connected ? "deviceConnected" : "deviceDisconnected";
    const schema = "deviceConnectionStateNotification";
    this.route("DeviceConnectionStateEvents", event, opType, schema, { sequenceNumber });
    for (const listener of this.connectionListeners) listener(event);
  }

  private registryChanged({ kind, before, after }: RegistryChange): void {
    if (kind === "updated") return;
    const record = after ?? before;
    if (!record) return;
    const { deviceId, moduleId } = record.identity;
    if (moduleId === undefined) {
      for (const listener of this.lifecycleListeners) listener({ kind, record, at: this.core.clock.now() });
    }
    if (!this.router.wants("DeviceLifecycleEvents")) return;
    const noun = moduleId === undefined ? "Device" : "Module";
    const opType = `${kind === "created" ? "create" : "delete"}${noun}Identity`;
    const body = twinDocument(record, this.core.presences.of(deviceId, moduleId));
    const subject = { deviceId, ...(moduleId === undefined ? {} : { moduleId }), at: this.core.clock.now() };
    this.route("DeviceLifecycleEvents", subject, opType, "deviceLifecycleNotification", body);
  }

  private twinChanged({ kind, record, change }: TwinUpdate): void {
    if (!this.router.wants("TwinChangeEvents")) return;
    const { identity, twin } = record;
    const replaced = kind === "replaceTwin";
    const desired = replaced ? twin.desired.values : change.desired;
    const reported = replaced ? twin.reported.values : change.reported;
    const body = {
      version: twin.version,
      ...(change.tags === undefined && !replaced ? {} : { tags: replaced ? twin.tags : change.tags }),
      properties: {
        ...(desired === undefined ? {} : { desired: sectionDocument({ ...twin.desired, values: desired }) }),
        ...(reported === undefined ? {} : { reported: sectionDocument({ ...twin.reported, values: reported }) }),
      },
    };
    const { deviceId, moduleId } = identity;
    const subject = { deviceId, ...(moduleId === undefined ? {} : { moduleId }), at: this.core.clock.now() };
    this.route("TwinChangeEvents", subject, kind, "twinChangeNotification", body);
  }

  private route(
    source: RouteSource,
    { deviceId, moduleId, at }: { deviceId: string; moduleId?: string; at: number },
    opType: string,
    schema: string,
    body: unknown,
  ): void {
    const event: EventToAppend = {
      partitionKey: deviceId,
      body: Buffer.from(JSON.stringify(body)),
      applicationProperties: {
        hubName: this.core.hostName.split(".")[0] ?? "",
        deviceId,
        ...(moduleId === undefined ? {} : { moduleId }),
        opType,
        "iothub-message-schema": schema,
        operationTimestamp: new Date(at).toISOString(),
      },
      properties: { contentType: "application/json", contentEncoding: "utf-8" },
      annotations: {
        "iothub-connection-device-id": deviceId,
        ...(moduleId === undefined ? {} : { "iothub-connection-module-id": moduleId }),
        "iothub-enqueuedtime": new Date(at),
        "iothub-message-source": messageSources[source],
      },
    };
    this.router.send(source, event);
  }
}

const messageSources: Readonly<Record<RouteSource, string>> = {
  DeviceMessages: "Telemetry",
  TwinChangeEvents: "twinChangeEvents",
  DeviceLifecycleEvents: "deviceLifecycleEvents",
  DeviceConnectionStateEvents: "deviceConnectionStateEvents",
};
