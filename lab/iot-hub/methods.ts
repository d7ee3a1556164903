import { z } from "zod";
import type { HubCore } from "./core";
import { HubError } from "./errors";
import { ok, param, type HubRequest, type Route } from "./route";
import type { LiveSession } from "./sessions";

/** What a direct method asks of a device. */
export interface MethodCall {
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly name: string;
  readonly payload: unknown;
  /** Milliseconds to wait for the answer. */
  readonly responseTimeoutMs: number;
  /** Milliseconds to wait for a device that is not there; 0: fail at once. */
  readonly connectTimeoutMs: number;
}

export interface MethodResult {
  readonly status: number;
  readonly payload: unknown;
}

const methodFilter = "$iothub/methods/POST/#";
const kilobyte = 1_024;
/** Microsoft docs, iot-hub-devguide-direct-methods. */
const payloadLimit = 128 * kilobyte;
/** How many methods may wait for one device; Azure has a limit, its number is not published. */
const inflightLimit = 10;

const bodySchema = z.object({
  methodName: z.string().min(1).max(100),
  payload: z.unknown().optional(),
  responseTimeoutInSeconds: z.number().int().min(5).max(300).nullish(),
  connectTimeoutInSeconds: z.number().int().min(0).max(300).nullish(),
});

/** `POST /twins/{id}/methods`, for devices and modules. */
export function methodRoutes(core: HubCore): Route[] {
  return ["/twins/{id}/methods", "/twins/{id}/modules/{mid}/methods"].map((path): Route => ({
    method: "POST",
    path,
    operation: "hub.method.invoke",
    right: "ServiceConnect",
    write: true,
    errorForm: "nested",
    // the meter counts 4 KB steps of request and answer
    throttle: { name: "methodKilobytes", cost: ({ body }) => 4 * Math.ceil(sizeOf(body) / (4 * kilobyte)) },
    handle: async (request) => {
      const call = callOf(request);
      if (request.pretend) return ok({ status: 200, payload: null });
      return ok(await invokeMethod(core, call));
    },
  }));
}

/** Sends a method to a device and waits for its answer; rejects with the hub's errors. */
export async function invokeMethod(core: HubCore, call: MethodCall): Promise<MethodResult> {
  const device = core.store.device(call.deviceId);
  const record = core.store.find(call.deviceId, call.moduleId);
  if (!device || !record || device.identity.status === "disabled") {
    throw new HubError("DeviceNotFound", `Device ${call.deviceId} not registered`, { form: "nested" });
  }
  const session = listening(core, call) ?? (await connected(core, call));
  if (!session) throw notOnline(call);
  return ask(core, session, call);
}

function callOf(request: HubRequest): MethodCall {
  const parsed = bodySchema.safeParse(request.body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new HubError("ArgumentInvalid", `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`, {
      form: "nested",
    });
  }
  if (sizeOf(parsed.data.payload) > payloadLimit) {
    throw new HubError("RequestEntityTooLarge", "The payload exceeds 128 KB.", { form: "nested" });
  }
  const moduleId = request.params["mid"];
  return {
    deviceId: param(request, "id"),
    ...(moduleId === undefined ? {} : { moduleId }),
    name: parsed.data.methodName,
    payload: parsed.data.payload,
    responseTimeoutMs: (parsed.data.responseTimeoutInSeconds ?? 30) * 1_000,
    connectTimeoutMs: (parsed.data.connectTimeoutInSeconds ?? 0) * 1_000,
  };
}

function listening(core: HubCore, call: MethodCall): LiveSession | undefined {
  const session = core.sessions.get(call.deviceId, call.moduleId);
  return session?.mqtt.isSubscribed(`$iothub/methods/POST/${call.name}/?$rid=0`) ? session : undefined;
}

function connected(core: HubCore, call: MethodCall): Promise<LiveSession | undefined> {
  if (call.connectTimeoutMs <= 0) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const settle = (session: LiveSession | undefined) => {
      cancel();
      unlisten();
      resolve(session);
    };
    const cancel = core.clock.after(call.connectTimeoutMs, () => settle(undefined));
    const unlisten = core.sessions.onSubscribed((session, filters) => {
      const wanted = session.deviceId === call.deviceId && session.moduleId === call.moduleId;
      if (wanted && filters.includes(methodFilter)) settle(session);
    });
  });
}

function ask(core: HubCore, session: LiveSession, call: MethodCall): Promise<MethodResult> {
  if (session.answers.size >= inflightLimit) {
    throw new HubError("DeviceMaximumInflightMethodExceeded", "Too many methods wait for this device.", {
      form: "nested",
    });
  }
  return new Promise((resolve, reject) => {
    const requestId = nextRequestId(session);
    const finish = (settle: () => void) => {
      cancel();
      session.answers.delete(requestId);
      session.onEnd.delete(lost);
      settle();
    };
    const lost = () => finish(() => reject(closedRemotely()));
    const cancel = core.clock.after(call.responseTimeoutMs, () => finish(() => reject(timedOut(call))));
    session.onEnd.add(lost);
    session.answers.set(requestId, (status, payload) => finish(() => resolve({ status, payload: jsonOf(payload) })));
    const payload = call.payload === undefined ? "null" : JSON.stringify(call.payload);
    session.mqtt.publish(`$iothub/methods/POST/${call.name}/?$rid=${requestId}`, payload);
  });
}

const requestIds = new WeakMap<LiveSession, number>();

function nextRequestId(session: LiveSession): string {
  const next = (requestIds.get(session) ?? 0) + 1;
  requestIds.set(session, next);
  return next.toString(16);
}

function jsonOf(payload: Buffer): unknown {
  const text = payload.toString("utf8");
  if (text.trim() === "") return null;
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch {
    return text;
  }
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value ?? null));
}

function notOnline(call: MethodCall): HubError {
  if (call.connectTimeoutMs > 0) {
    return new HubError("DeviceNotOnline", "Timed out waiting for device to connect.", {
      form: "nested",
      info: { timeout: durationOf(call.connectTimeoutMs) },
    });
  }
  return new HubError(
    "DeviceNotOnline",
    "The operation failed because the requested device isn't online or hasn't registered the direct method callback. To learn more, see https://aka.ms/iothub404103",
    { form: "nested" },
  );
}

function timedOut(call: MethodCall): HubError {
  return new HubError("GatewayTimeout", "Timed out waiting for the response from device.", {
    form: "nested",
    info: { timeout: durationOf(call.responseTimeoutMs) },
  });
}

function closedRemotely(): HubError {
  return new HubError("DeviceConnectionClosedRemotely", "The device's connection was closed before it answered.", {
    form: "nested",
  });
}

function durationOf(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}
