import type { HubCore } from "./core";
import { twinDocument } from "./documents";
import { ifMatch, ok, param, type HubRequest, type HubResponse, type Route } from "./route";
import type { HubRecord } from "./store";
import { parseTwinChange, twinEtag } from "./twin";

/** Twins as a service sees and writes them. */
export function twinRoutes(core: HubCore): Route[] {
  const document = (record: HubRecord): HubResponse => {
    const { deviceId, moduleId } = record.identity;
    return ok(twinDocument(record, core.presences.of(deviceId, moduleId)), { etag: `"${twinEtag(record.twin)}"` });
  };
  const get = (request: HubRequest) => document(core.store.get(param(request, "id"), request.params["mid"]));
  const change = (mode: "merge" | "replace") => (request: HubRequest) => {
    const record = core.store.get(param(request, "id"), request.params["mid"]);
    const parsed = parseTwinChange(request.body);
    const wanted = mode === "replace" ? { tags: {}, desired: {}, ...parsed } : parsed;
    const next = core.store.draftTwin(record, wanted, mode, ifMatch(request));
    if (!request.pretend)
      core.store.writeTwin(next, wanted, mode === "merge" ? "updateTwin" : "replaceTwin", "service");
    return document(next);
  };
  const read = {
    right: "ServiceConnect",
    write: false,
    throttle: { name: "twinReads" },
    operation: "hub.twin.get",
  } as const;
  const write = { right: "ServiceConnect", write: true, throttle: { name: "twinUpdates" } } as const;
  return ["/twins/{id}", "/twins/{id}/modules/{mid}"].flatMap((path): Route[] => [
    { method: "GET", path, ...read, handle: get },
    { method: "PATCH", path, ...write, operation: "hub.twin.patch", handle: change("merge") },
    { method: "PUT", path, ...write, operation: "hub.twin.put", handle: change("replace") },
  ]);
}
