import type { Client } from "azure-iothub/dist/client";
import type { Registry } from "azure-iothub/dist/registry";
import { z } from "zod";
import type { DeviceId, HubHostName } from "../../domain/ids";
import type { Clock } from "../../ports/clock";
import type { Hub, Hubs, IdentityReading, IdentityWrite, IdentityWriteOutcome, MethodOutcome } from "../../ports/hubs";
import { BulkResult, outcomesOf, TwinIdentity } from "./hub-answers";
import { callSdk, readBySdk } from "./sdk-call";
import { toRollError, unreadable, type ServiceFailure } from "./sdk-errors";

/** One hub's SDK clients. */
export interface HubConnection {
  readonly hostName: HubHostName;
  readonly registry: Registry;
  readonly methods: Client;
}

/** `timeoutMs` bounds each call. `hub()` throws `RangeError` for a hub that is not among the settings. */
export function createHubs(connections: readonly HubConnection[], clock: Clock, timeoutMs: number): Hubs {
  const hubs = new Map(connections.map((connection) => [connection.hostName, createHub(connection, clock, timeoutMs)]));
  return {
    hostNames: [...hubs.keys()],
    hub(hostName) {
      const hub = hubs.get(hostName);
      if (hub === undefined)
        throw new RangeError(`no access to hub ${hostName}: add it to ROLLCALL_HUBS or ROLLCALL_HUB_CONNECTIONS`);
      return hub;
    },
  };
}

function createHub({ hostName, registry, methods }: HubConnection, clock: Clock, timeoutMs: number): Hub {
  const service = `IoT Hub ${hostName}`;
  return {
    hostName,

    async readIdentity(deviceId): Promise<IdentityReading> {
      const answer = await readBySdk(timeoutMs, () => registry.getTwin(deviceId));
      if (!answer.ok) {
        if (saysDeviceMissing(answer.failure)) return { outcome: "missing" };
        throw toRollError(service, answer.failure);
      }
      const twin: unknown = answer.value.responseBody;
      const read = TwinIdentity.safeParse(twin);
      if (!read.success || read.data.deviceId !== deviceId)
        throw unreadable(service, `twin ${deviceId}: ${read.error?.issues[0]?.path.join(".") ?? "another device's"}`);
      return { outcome: "found", identity: read.data };
    },

    async writeIdentities(writes): Promise<ReadonlyMap<DeviceId, IdentityWriteOutcome>> {
      if (writes.length === 0) return new Map();
      if (writes.length > 100) throw new RangeError(`a bulk call takes at most 100 identities, not ${writes.length}`);
      const asked = writes.map(({ deviceId }) => deviceId);
      const answer = await callSdk(timeoutMs, () => registry.updateDevices(writes.map(toDevice), false));
      const body: unknown = answer.ok ? answer.value.responseBody : bulkBody(answer.failure);
      const result = BulkResult.safeParse(body);
      if (result.success) return outcomesOf(result.data, asked);
      if (answer.ok) throw unreadable(service, "bulk result");
      const { status, code, detail } = answer.failure;
      // The whole call was malformed or refused; trying the same again will not change it.
      if (status !== 400 && status !== 413) throw toRollError(service, answer.failure);
      return new Map(asked.map((id) => [id, { outcome: "failed", detail: `${code ?? status} ${detail}` }]));
    },

    async invokeMethod(deviceId, methodName, payload): Promise<MethodOutcome> {
      const parameters = { methodName, payload, responseTimeoutInSeconds: responseSeconds(timeoutMs) };
      const answer = await callSdk(timeoutMs, () => methods.invokeDeviceMethod(deviceId, parameters));
      if (answer.ok) {
        const result: unknown = answer.value.result;
        const read = MethodResult.safeParse(result);
        if (!read.success) throw unreadable(service, `result of method ${methodName} on ${deviceId}`);
        return { outcome: "answered", status: read.data.status, payload: read.data.payload };
      }
      return methodFailure(service, answer.failure, clock);
    },
  };
}

const MethodResult = z.object({ status: z.int(), payload: z.unknown() });

/**
 * The SDK turns a device without authentication into a shared-key device, so all of it is sent, always.
 * JSON null clears the reason; undefined would leave it out.
 */
function toDevice(write: IdentityWrite): Parameters<Registry["updateDevices"]>[0][number] {
  return {
    deviceId: write.deviceId,
    etag: write.etag,
    status: write.status,
    statusReason: write.statusReason ?? null,
    authentication: {
      type: "selfSigned",
      x509Thumbprint: { primaryThumbprint: write.primaryThumbprint, secondaryThumbprint: write.secondaryThumbprint },
    },
    // A gateway written without it might become a plain device.
    capabilities: { iotEdge: write.iotEdge },
  };
}

/** A refused bulk call carries its list of outcomes in the error's body. */
function bulkBody(failure: ServiceFailure): unknown {
  try {
    return failure.status === 400 && failure.body !== undefined ? JSON.parse(failure.body) : undefined;
  } catch {
    return undefined;
  }
}

/** A 404 that speaks of the device: a bare one comes from something in between, and would pass for "contained". */
function saysDeviceMissing({ status, code }: ServiceFailure): boolean {
  return status === 404 && (code === "DeviceNotFound" || code === "404001");
}

function methodFailure(service: string, failure: ServiceFailure, clock: Clock): MethodOutcome {
  const { status, code } = failure;
  const detail = `${code ?? status ?? "no answer"} ${failure.detail}`;
  if (status === 401 || status === 429 || !failure.mayHaveArrived) throw toRollError(service, failure);
  if (status === 403 && !/^403012$|DeviceDisabled|Inflight|^403800$/i.test(code ?? ""))
    throw toRollError(service, failure);
  // 4xx: the hub did not hand the call to the device. 5xx, a timeout, a cut connection: nobody can tell.
  return status !== undefined && status < 500
    ? { outcome: "unreachable", detail }
    : { outcome: "no-answer", detail, at: clock.now() };
}

/** 5 to 300 s (Microsoft docs: direct methods); the hub's answer must come before the call's own end. */
function responseSeconds(timeoutMs: number): number {
  return Math.min(30, Math.max(5, Math.floor(timeoutMs / 1000) - 5));
}
