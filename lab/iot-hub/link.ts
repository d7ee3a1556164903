import { sleep } from "../clock";
import type { DeviceAssignment, LinkedHub, TwinDocument } from "../linked-hub";
import type { HubCore } from "./core";
import { errorOfStatus, HubError } from "./errors";
import { checkDeviceId, x509Authentication, type IdentityFields } from "./identity";
import type { HubRecord } from "./store";
import { isObject, type TwinChange, type TwinObject } from "./twin";

/** The door through which DPS writes registered devices. Faults: `hub.assign`, by device id. */
export function linkTo(core: HubCore): LinkedHub {
  return {
    hostName: core.hostName,
    has: (deviceId) => core.store.device(deviceId) !== undefined,
    assign: (assignment) => assign(core, assignment),
    remove: (deviceId) => {
      const record = core.store.device(deviceId);
      if (!record) return Promise.resolve(undefined);
      core.store.delete(deviceId, undefined, "dps");
      return Promise.resolve(travellingTwin(record));
    },
  };
}

async function assign(core: HubCore, assignment: DeviceAssignment): Promise<void> {
  const { deviceId } = assignment;
  const effects = core.faults.take("hub.assign", deviceId);
  for (const effect of effects) {
    if (effect.kind === "latency") await sleep(core.clock, effect.ms);
    if (effect.kind === "hang") await new Promise(() => undefined);
    if (effect.kind === "status") throw errorOfStatus(effect.status, effect.retryAfterSeconds);
  }
  if (core.switches.assignCountsAsRegistryWrite) {
    core.quotas.take("registry", 1, core.switches.retryAfterOnThrottle);
  }
  checkDeviceId(deviceId);
  if (effects.some((effect) => effect.kind === "acknowledged-not-done")) return;
  const existing = core.store.device(deviceId);
  const fields = fieldsOf(core, assignment, existing);
  const record = existing ? core.store.draftUpdate(existing, fields) : core.store.draftNew(deviceId, undefined, fields);
  core.store.write(record, "dps");
  const change = changeOf(assignment.twin);
  if (change && (!existing || assignment.resetTwin)) {
    const mode = existing ? "replace" : "merge";
    const wanted = existing ? { tags: {}, desired: {}, ...change } : change;
    core.store.writeTwin(core.store.draftTwin(record, wanted, mode), wanted, "replaceTwin", "dps");
  }
  await core.faults.done({ operation: "hub.assign", subject: deviceId, write: true });
}

function fieldsOf(core: HubCore, assignment: DeviceAssignment, existing: HubRecord | undefined): IdentityFields {
  const { sha256Thumbprint, iotEdge } = assignment;
  const disabled = existing?.identity.status === "disabled";
  if (disabled && core.switches.disabledOnAssign === "refuse") {
    throw new HubError("IotHubUnauthorizedAccess", `The device '${assignment.deviceId}' is disabled.`);
  }
  const enable = disabled && core.switches.disabledOnAssign === "enable";
  return {
    status: enable ? "enabled" : (existing?.identity.status ?? "enabled"),
    statusReason: enable ? null : (existing?.identity.statusReason ?? null),
    // DPS writes the presented leaf into both slots
    authentication: x509Authentication(sha256Thumbprint, sha256Thumbprint),
    iotEdge,
  };
}

function changeOf(twin: TwinDocument | undefined): TwinChange | undefined {
  if (!twin) return undefined;
  const part = (value: unknown): TwinObject | undefined => (isObject(value) ? value : undefined);
  const tags = part(twin.tags);
  const desired = part(twin.properties?.desired);
  const reported = part(twin.properties?.reported);
  return { ...(tags ? { tags } : {}), ...(desired ? { desired } : {}), ...(reported ? { reported } : {}) };
}

function travellingTwin({ twin }: HubRecord): TwinDocument {
  return { tags: twin.tags, properties: { desired: twin.desired.values, reported: twin.reported.values } };
}
