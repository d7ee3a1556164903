import { randomUUID } from "node:crypto";
import { sleep } from "../../clock";
import type { HubCore } from "../core";
import { twinDocument } from "../documents";
import type { HubEvents } from "./hub-events";
import type { MessageRouter } from "./routing";

export type EventGridType =
  | "Microsoft.Devices.DeviceCreated"
  | "Microsoft.Devices.DeviceDeleted"
  | "Microsoft.Devices.DeviceConnected"
  | "Microsoft.Devices.DeviceDisconnected"
  | "Microsoft.Devices.DeviceTelemetry";

export interface EventGridSubscription {
  /** A webhook: http on loopback is accepted, which Azure would not. */
  readonly url: string;
  /** Default: the Event Grid schema. */
  readonly schema?: "EventGridSchema" | "CloudEventSchemaV1_0";
  /** Default: all but telemetry. */
  readonly types?: readonly EventGridType[];
}

/** Failed deliveries are tried again after these delays; Azure goes on for a day. */
const retryDelaysMs = [100, 500, 2_000];
const topicOf = (hub: string) =>
  `/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000000/RESOURCEGROUPS/LAB/PROVIDERS/MICROSOFT.DEVICES/IOTHUBS/${hub.toUpperCase()}`;

/** Sends the hub's events to webhooks (Microsoft docs: event-schema-iot-hub). */
export class EventGrid {
  private readonly subscriptions: EventGridSubscription[] = [];
  private readonly hubName: string;
  /** Deliveries under way or given up, for tests and displays. */
  readonly failures: { readonly url: string; readonly eventType: string }[] = [];

  constructor(
    private readonly core: HubCore,
    events: HubEvents,
    router: MessageRouter,
  ) {
    this.hubName = core.hostName.split(".")[0] ?? core.hostName;
    events.onConnection((event) => {
      const type = `Microsoft.Devices.Device${event.connected ? "Connected" : "Disconnected"}` as const;
      this.publish(type, event.deviceId, event.at, {
        deviceConnectionStateEventInfo: { sequenceNumber: event.sequenceNumber },
        hubName: this.hubName,
        deviceId: event.deviceId,
        ...(event.moduleId === undefined ? {} : { moduleId: event.moduleId }),
      });
    });
    events.onLifecycle(({ kind, record, at }) => {
      if (this.subscriptions.length === 0) return;
      const { deviceId } = record.identity;
      const type = kind === "created" ? "Microsoft.Devices.DeviceCreated" : "Microsoft.Devices.DeviceDeleted";
      const twin = twinDocument(record, core.presences.of(deviceId));
      this.publish(type, deviceId, at, { twin, hubName: this.hubName, deviceId });
    });
    router.tap((source, event) => {
      const deviceId = event.annotations?.["iothub-connection-device-id"];
      if (this.subscriptions.length === 0 || source !== "DeviceMessages" || typeof deviceId !== "string") return;
      this.publish("Microsoft.Devices.DeviceTelemetry", deviceId, core.clock.now(), {
        properties: event.applicationProperties ?? {},
        systemProperties: event.annotations ?? {},
        body: event.body.toString("base64"),
      });
    });
  }

  /** Adds a webhook after it proved that it wants events; rejects when it does not. */
  async subscribe(subscription: EventGridSubscription): Promise<void> {
    if (subscription.schema === "CloudEventSchemaV1_0") {
      const answer = await fetch(subscription.url, {
        method: "OPTIONS",
        headers: { "WebHook-Request-Origin": "eventgrid.azure.net" },
      });
      const allowed = answer.headers.get("webhook-allowed-origin");
      if (allowed !== "*" && allowed !== "eventgrid.azure.net") throw new Error("The webhook allows no events.");
    } else {
      await this.validate(subscription.url);
    }
    this.subscriptions.push(subscription);
  }

  private async validate(url: string): Promise<void> {
    const validationCode = randomUUID();
    const event = {
      ...this.envelope("Microsoft.EventGrid.SubscriptionValidationEvent", "", this.core.clock.now(), {
        validationCode,
      }),
      subject: "",
    };
    const answer = await post(url, [event], "application/json", "SubscriptionValidation");
    const body: unknown = answer.ok ? await answer.json() : undefined;
    const echoed: unknown =
      typeof body === "object" && body !== null ? Reflect.get(body, "validationResponse") : undefined;
    if (echoed !== validationCode) throw new Error("The webhook did not answer the validation code.");
  }

  private publish(type: EventGridType, deviceId: string, at: number, data: unknown): void {
    for (const subscription of this.subscriptions) {
      const wanted = subscription.types?.includes(type) ?? type !== "Microsoft.Devices.DeviceTelemetry";
      if (wanted) void this.deliver(subscription, type, this.envelope(type, deviceId, at, data));
    }
  }

  private async deliver(subscription: EventGridSubscription, type: string, event: EventGridEvent): Promise<void> {
    const cloud = subscription.schema === "CloudEventSchemaV1_0";
    const body = cloud ? cloudEvent(event) : [event];
    const contentType = cloud ? "application/cloudevents+json; charset=utf-8" : "application/json; charset=utf-8";
    for (const delay of [0, ...retryDelaysMs]) {
      if (delay > 0) await sleep(this.core.clock, delay);
      try {
        if ((await post(subscription.url, body, contentType, "Notification")).ok) return;
      } catch {
        // the webhook is away: tried again below
      }
    }
    this.failures.push({ url: subscription.url, eventType: type });
  }

  private envelope(eventType: string, deviceId: string, at: number, data: unknown): EventGridEvent {
    return {
      id: randomUUID(),
      topic: topicOf(this.hubName),
      subject: `devices/${deviceId}`,
      eventType,
      eventTime: new Date(at).toISOString(),
      data,
      dataVersion: "1",
      metadataVersion: "1",
    };
  }
}

interface EventGridEvent {
  readonly id: string;
  readonly topic: string;
  readonly subject: string;
  readonly eventType: string;
  readonly eventTime: string;
  readonly data: unknown;
  readonly dataVersion: "1";
  readonly metadataVersion: "1";
}

function cloudEvent(event: EventGridEvent): Record<string, unknown> {
  return {
    id: event.id,
    source: event.topic,
    subject: event.subject,
    type: event.eventType,
    time: event.eventTime,
    specversion: "1.0",
    datacontenttype: "application/json",
    data: event.data,
  };
}

function post(url: string, body: unknown, contentType: string, kind: string): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: {
      "content-type": contentType,
      "aeg-event-type": kind,
      "aeg-data-version": "1",
      "aeg-metadata-version": "1",
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
}
