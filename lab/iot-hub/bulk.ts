import type { HubCore } from "./core";
import { errorCodes, HubError, invalid, notFound } from "./errors";
import { checkDeviceId, checkModuleId, etagOf, parseIdentityFields } from "./identity";
import { ok, type HubRequest, type Route } from "./route";
import { checkEtag, type HubRecord, type WriteOrigin } from "./store";
import { isObject, parseTwinChange } from "./twin";

/** Microsoft docs: one bulk request holds 1 to 100 devices. */
const bulkLimit = 100;

const importModes = [
  "create",
  "createorupdate",
  "createorupdateifmatchetag",
  "update",
  "updateifmatchetag",
  "delete",
  "deleteifmatchetag",
  "updatetwin",
  "updatetwinifmatchetag",
] as const;
export type ImportMode = (typeof importModes)[number];

/** One line of an import blob, or one element of a bulk request; names and modes in any case. */
export interface BulkItem {
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly mode: ImportMode;
  /** As the client wrote the mode: errors repeat it. */
  readonly modeText: string;
  readonly etag?: string;
  readonly twinEtag?: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Reads one item; throws when it is no item at all. */
export function parseBulkItem(raw: unknown, defaultMode: string): BulkItem {
  if (!isObject(raw)) throw invalid("Each item must be an object.");
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) fields[key.toLowerCase()] = value;
  const text = (name: string) => (typeof fields[name] === "string" && fields[name] !== "" ? fields[name] : undefined);
  const deviceId = text("id") ?? text("deviceid");
  if (deviceId === undefined) throw invalid("Each item needs an id.");
  const moduleId = text("moduleid");
  const etag = text("etag");
  const twinEtag = text("twinetag");
  const modeText = text("importmode") ?? defaultMode;
  const mode = importModes.find((known) => known === modeText.toLowerCase());
  if (!mode) throw invalid(`The import mode '${modeText}' is not known.`);
  return {
    deviceId,
    mode,
    modeText,
    fields,
    ...(moduleId === undefined ? {} : { moduleId }),
    ...(etag === undefined ? {} : { etag }),
    ...(twinEtag === undefined ? {} : { twinEtag }),
  };
}

/**
 * Does what one item asks. Throws the error that the item's line in the result carries; then nothing is changed.
 * `pretend`: only checks.
 */
export function applyBulkItem(core: HubCore, item: BulkItem, origin: WriteOrigin, pretend = false): void {
  const { deviceId, moduleId, mode } = item;
  const { store } = core;
  checkDeviceId(deviceId);
  if (moduleId !== undefined) checkModuleId(moduleId);
  const existing = store.find(deviceId, moduleId);
  if (mode === "create" && existing) {
    throw new HubError("DeviceAlreadyExists", `A device with ID '${deviceId}' is already registered.`);
  }
  if (!existing && !mode.startsWith("create")) throw notFound.device(deviceId);
  if (existing && (mode === "delete" || mode === "deleteifmatchetag")) {
    if (mode === "deleteifmatchetag") checkEtag(item.etag, etagOf(existing.identity));
    if (!pretend) store.delete(deviceId, moduleId, origin);
    return;
  }
  const twinOnly = mode === "updatetwin" || mode === "updatetwinifmatchetag";
  const record = twinOnly && existing ? existing : identityOf(core, item, existing);
  const withTwin = twinOf(core, item, record, twinOnly);
  if (pretend) return;
  if (!twinOnly) store.write(record, origin);
  if (withTwin) store.writeTwin(withTwin.record, withTwin.change, "updateTwin", origin);
}

function identityOf(core: HubCore, item: BulkItem, existing: HubRecord | undefined): HubRecord {
  const fields = parseIdentityFields({
    status: item.fields["status"],
    statusReason: item.fields["statusreason"],
    authentication: item.fields["authentication"],
    capabilities: item.fields["capabilities"],
    managedBy: item.fields["managedby"],
  });
  if (!existing) {
    if (item.moduleId !== undefined && !core.store.device(item.deviceId)) throw notFound.device(item.deviceId);
    return core.store.draftNew(item.deviceId, item.moduleId, fields);
  }
  return core.store.draftUpdate(existing, fields, item.mode.endsWith("ifmatchetag") ? item.etag : undefined);
}

function twinOf(core: HubCore, item: BulkItem, record: HubRecord, twinOnly: boolean) {
  const change = parseTwinChange({ tags: item.fields["tags"], properties: item.fields["properties"] });
  if (change.tags === undefined && change.desired === undefined) return undefined;
  const etag = twinOnly && item.mode === "updatetwinifmatchetag" ? item.twinEtag : undefined;
  return { record: core.store.draftTwin(record, change, "merge", etag), change };
}

/** `POST /devices`: up to 100 items, each done or refused by itself; 400 with the same body when one was refused. */
export function bulkRoute(core: HubCore): Route {
  return {
    method: "POST",
    path: "/devices",
    operation: "hub.registry.bulk",
    right: "RegistryWrite",
    write: true,
    throttle: { name: "registry", cost: ({ body }) => (Array.isArray(body) ? Math.max(1, body.length) : 1) },
    subject: ({ body }) => (Array.isArray(body) ? body.map(idOf).join(",") : ""),
    handle: (request) => {
      const items = itemsOf(request);
      const errors: unknown[] = [];
      for (const item of items) {
        const error = applyOne(core, item, request.pretend);
        if (error) errors.push(bulkError(item, error));
      }
      const result = { isSuccessful: errors.length === 0, errors, warnings: [] };
      if (errors.length > 0) {
        throw new HubError("BulkRegistryOperationFailure", "Some operations failed.", { body: result });
      }
      return ok(result);
    },
  };
}

/** An item's line in a bulk result, and in the error log of an import. */
export function bulkError(item: BulkItem, error: HubError): Record<string, unknown> {
  return {
    deviceId: item.deviceId,
    errorCode: errorCodes[error.code],
    errorStatus: error.message,
    moduleId: item.moduleId ?? "",
    operation: item.modeText,
  };
}

function applyOne(core: HubCore, item: BulkItem, pretend: boolean): HubError | undefined {
  const effects = core.faults.take("hub.registry.bulk.item", item.deviceId);
  const ignored = effects.some((effect) => effect.kind === "acknowledged-not-done");
  try {
    applyBulkItem(core, item, "service", pretend || ignored);
    return undefined;
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
}

function itemsOf({ body }: HubRequest): BulkItem[] {
  if (!Array.isArray(body) || body.length === 0) throw invalid("The body must be an array of devices.");
  if (body.length > bulkLimit) {
    throw new HubError("TooManyDevices", `A bulk request holds at most ${bulkLimit} devices.`);
  }
  const items = body.map((raw) => parseBulkItem(raw, "create"));
  const seen = new Set<string>();
  for (const { deviceId, moduleId } of items) {
    const key = `${deviceId}/${moduleId ?? ""}`;
    if (seen.has(key)) {
      throw new HubError("DeviceDefinedMultipleTimes", `The device '${deviceId}' appears more than once.`);
    }
    seen.add(key);
  }
  return items;
}

function idOf(raw: unknown): string {
  const id = isObject(raw) ? (raw["id"] ?? raw["deviceId"]) : undefined;
  return typeof id === "string" ? id : "";
}
