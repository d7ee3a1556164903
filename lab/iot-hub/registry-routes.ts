import { bulkRoute } from "./bulk";
import type { HubCore } from "./core";
import { identityDocument } from "./documents";
import { HubError, invalid, notFound } from "./errors";
import { checkDeviceId, checkModuleId, etagOf, parseIdentityFields } from "./identity";
import { ifMatch, noContent, ok, param, type HubRequest, type HubResponse, type Route } from "./route";
import { checkEtag, type HubRecord } from "./store";
import { isObject } from "./twin";

/** Microsoft docs, iot-hub-devguide-quotas-throttling: a list answers at most this many, without paging. */
const listLimit = 1_000;
/** Same source: modules of one device. */
const modulesPerDevice = 50;

/** The identity registry: devices and modules. */
export function registryRoutes(core: HubCore): Route[] {
  const document = ({ identity }: HubRecord) =>
    identityDocument(identity, core.presences.of(identity.deviceId, identity.moduleId));
  const throttle = { name: "registry" } as const;
  const read = { right: "RegistryRead", write: false, throttle } as const;
  const write = { right: "RegistryWrite", write: true, throttle } as const;

  const get = (request: HubRequest): HubResponse => {
    const record = core.store.get(param(request, "id"), request.params["mid"]);
    return ok(document(record), { etag: `"${etagOf(record.identity)}"` });
  };
  const put = (request: HubRequest): HubResponse => {
    const record = draft(core, request);
    if (!request.pretend) core.store.write(record, "service");
    return ok(document(record), { etag: `"${etagOf(record.identity)}"` });
  };
  const remove = (request: HubRequest): HubResponse => {
    const id = param(request, "id");
    const record = core.store.get(id, request.params["mid"]);
    checkEtag(ifMatch(request), etagOf(record.identity));
    if (!request.pretend) core.store.delete(id, request.params["mid"], "service");
    return noContent;
  };

  return [
    { method: "GET", path: "/devices/{id}", operation: "hub.registry.get", ...read, handle: get },
    { method: "PUT", path: "/devices/{id}", operation: "hub.registry.put", ...write, handle: put },
    { method: "DELETE", path: "/devices/{id}", operation: "hub.registry.delete", ...write, handle: remove },
    { method: "GET", path: "/devices/{id}/modules/{mid}", operation: "hub.registry.get", ...read, handle: get },
    { method: "PUT", path: "/devices/{id}/modules/{mid}", operation: "hub.registry.put", ...write, handle: put },
    {
      method: "DELETE",
      path: "/devices/{id}/modules/{mid}",
      operation: "hub.registry.delete",
      ...write,
      handle: remove,
    },
    {
      method: "GET",
      path: "/devices/{id}/modules",
      operation: "hub.registry.list",
      ...read,
      handle: (request) => {
        core.store.get(param(request, "id"));
        return ok(core.store.modulesOf(param(request, "id")).map(document));
      },
    },
    {
      method: "GET",
      path: "/devices",
      operation: "hub.registry.list",
      ...read,
      handle: (request) => ok(first(core.store.allDevices(), topOf(request)).map(document)),
    },
    {
      method: "GET",
      path: "/statistics/devices",
      operation: "hub.registry.statistics",
      ...read,
      handle: () => {
        const all = [...core.store.allDevices()];
        const enabled = all.filter(({ identity }) => identity.status === "enabled").length;
        return ok({
          totalDeviceCount: all.length,
          enabledDeviceCount: enabled,
          disabledDeviceCount: all.length - enabled,
        });
      },
    },
    {
      method: "GET",
      path: "/statistics/service",
      operation: "hub.registry.statistics",
      ...read,
      handle: () => ok({ connectedDeviceCount: core.sessions.deviceCount() }),
    },
    bulkRoute(core),
  ];
}

/** The identity that a PUT asks for: a new one without If-Match, an update with it. */
function draft(core: HubCore, request: HubRequest): HubRecord {
  const deviceId = param(request, "id");
  const { mid: moduleId } = request.params;
  checkDeviceId(deviceId);
  if (moduleId !== undefined) checkModuleId(moduleId);
  const { body } = request;
  if (!isObject(body)) throw invalid("The body must be a device.");
  if (typeof body["deviceId"] === "string" && body["deviceId"] !== deviceId) {
    throw invalid("The device id of the body is not that of the path.");
  }
  const fields = parseIdentityFields(body);
  const existing = core.store.find(deviceId, moduleId);
  const wanted = ifMatch(request);
  if (wanted !== undefined) {
    return core.store.draftUpdate(existing ?? core.store.get(deviceId, moduleId), fields, wanted);
  }
  if (existing) throw alreadyThere(deviceId, moduleId);
  if (moduleId !== undefined) {
    if (!core.store.device(deviceId)) throw notFound.device(deviceId);
    if (core.store.modulesOf(deviceId).length >= modulesPerDevice) {
      throw new HubError("TooManyDevices", `A device may have at most ${modulesPerDevice} modules.`);
    }
  }
  return core.store.draftNew(deviceId, moduleId, fields);
}

export function alreadyThere(deviceId: string, moduleId?: string): HubError {
  return moduleId === undefined
    ? new HubError("DeviceAlreadyExists", `A device with ID '${deviceId}' is already registered.`)
    : new HubError(
        "ModuleAlreadyExistsOnDevice",
        `A module with ID '${moduleId}' is already registered on device '${deviceId}'.`,
      );
}

function topOf(request: HubRequest): number {
  const top = Number(request.query.get("top") ?? listLimit);
  if (!Number.isInteger(top) || top < 1) throw invalid("top must be a positive number.");
  return Math.min(top, listLimit);
}

function first<T>(items: Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  for (const item of items) {
    if (taken.length >= count) break;
    taken.push(item);
  }
  return taken;
}
