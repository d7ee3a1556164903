import type { EventSink, EventToAppend } from "../../event-hubs/sink";
import { matches } from "../query/evaluate";
import { parseCondition, type Expression } from "../query/syntax";
import type { MessageSink } from "../telemetry";

/** What a route listens to (Microsoft docs: iot-hub-devguide-messages-d2c). */
export type RouteSource =
  "DeviceMessages" | "TwinChangeEvents" | "DeviceLifecycleEvents" | "DeviceConnectionStateEvents";

export interface MessageRoute {
  readonly name: string;
  readonly source: RouteSource;
  /** An event hub, or `events`: the built-in endpoint. */
  readonly endpoint: string;
  /** Over application properties, `$connectionDeviceId` and `$body`; default: every message of the source. */
  readonly condition?: string;
}

/** Messages that no route takes go to the built-in endpoint (`fallback`), all others only where routes say. */
export class MessageRouter implements MessageSink {
  private readonly routes: { readonly route: MessageRoute; readonly condition: Expression | undefined }[] = [];
  private readonly taps = new Set<(source: RouteSource, event: EventToAppend) => void>();

  constructor(
    private readonly sink: EventSink,
    private readonly builtIn: string,
    routes: readonly MessageRoute[],
    private readonly fallback: boolean,
  ) {
    for (const route of routes) this.add(route);
  }

  /** Adds a route; throws 400 when its condition cannot be read. Named event hubs are created when they are missing. */
  add(route: MessageRoute): void {
    const condition = route.condition === undefined ? undefined : parseCondition(route.condition);
    if (route.endpoint !== "events") this.sink.define({ name: route.endpoint });
    this.routes.push({ route, condition });
  }

  telemetry(event: EventToAppend): void {
    this.send("DeviceMessages", event);
  }

  /** Whether anybody listens: events that nobody gets need not be made. */
  wants(source: RouteSource): boolean {
    return source === "DeviceMessages" || this.routes.some(({ route }) => route.source === source);
  }

  send(source: RouteSource, event: EventToAppend): void {
    for (const tap of this.taps) tap(source, event);
    const endpoints = new Set<string>();
    for (const { route, condition } of this.routes) {
      if (route.source === source && matches(condition, rowOf(event))) endpoints.add(route.endpoint);
    }
    if (endpoints.size === 0 && source === "DeviceMessages" && this.fallback) endpoints.add("events");
    for (const endpoint of endpoints) this.sink.append(endpoint === "events" ? this.builtIn : endpoint, event);
  }

  /** Shows every message to `tap` before it is routed. */
  tap(tap: (source: RouteSource, event: EventToAppend) => void): void {
    this.taps.add(tap);
  }
}

function rowOf(event: EventToAppend): Readonly<Record<string, unknown>> {
  return {
    ...event.applicationProperties,
    $connectionDeviceId: event.annotations?.["iothub-connection-device-id"],
    $body: jsonOf(event),
  };
}

/** Only a body that says it is JSON can be looked into. */
function jsonOf({ body, properties }: EventToAppend): unknown {
  if (!properties?.contentType?.toLowerCase().startsWith("application/json")) return undefined;
  try {
    const parsed: unknown = JSON.parse(body.toString("utf8"));
    return parsed;
  } catch {
    return undefined;
  }
}
