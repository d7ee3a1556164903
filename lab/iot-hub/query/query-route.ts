import { z } from "zod";
import type { HubCore } from "../core";
import { twinDocument } from "../documents";
import { invalid } from "../errors";
import type { HubRequest, HubResponse, Route } from "../route";
import type { HubRecord } from "../store";
import { aggregate, hasAggregates, matches, project } from "./evaluate";
import { pageOf, pageRequestOf, pageResponse, type PageRequest } from "./paging";
import { parseQuery, type Query } from "./syntax";

/** A row of `devices.jobs`, as the jobs service shows it. */
export type DeviceJobRow = Readonly<Record<string, unknown>>;

const bodySchema = z.object({ query: z.string() });

/** `POST /devices/query`: twins, modules and device jobs, as far as the index has caught up. */
export function queryRoute(core: HubCore, jobRows: () => Iterable<DeviceJobRow>): Route {
  return {
    method: "POST",
    path: "/devices/query",
    operation: "hub.query",
    right: "ServiceConnect",
    write: false,
    throttle: { name: "queries" },
    subject: () => "",
    handle: (request) => {
      const body = bodySchema.safeParse(request.body);
      if (!body.success) throw invalid('The body must be {"query": "…"}.');
      return answer(core, parseQuery(body.data.query), request, jobRows);
    },
  };
}

function answer(core: HubCore, query: Query, request: HubRequest, jobRows: () => Iterable<DeviceJobRow>): HubResponse {
  const page = pageRequestOf(request);
  if (core.switches.emptyQueryPages && page.position === 0 && request.headers["x-ms-continuation"] === undefined) {
    return pageResponse([], itemTypeOf(query), 0);
  }
  const rows = query.source === "devices.jobs" ? deferred(jobRows()) : twins(core, query.source === "devices.modules");
  if (!hasAggregates(query)) return scan(query, rows, page);
  const all = aggregate(
    query,
    [...rows].map((read) => read()).filter((row) => matches(query.where, row)),
  ).slice(0, query.top);
  const { items, next } = pageOf(all, page);
  return pageResponse(items, "raw", next);
}

/** Walks on from where the last page ended until this one is full; the token counts rows, met or not. */
function scan(query: Query, rows: Iterable<ReadRow>, page: PageRequest): HubResponse {
  const items: unknown[] = [];
  const limit = query.top ?? Number.POSITIVE_INFINITY;
  let met = 0;
  let position = 0;
  for (const read of rows) {
    if (met >= limit) break;
    if (items.length === page.size) return pageResponse(items, itemTypeOf(query), position);
    position += 1;
    const skipped = position <= page.position;
    if (skipped && limit === Number.POSITIVE_INFINITY) continue;
    const row = read();
    if (!matches(query.where, row)) continue;
    met += 1;
    if (!skipped) items.push(project(query, row));
  }
  return pageResponse(items, itemTypeOf(query), undefined);
}

/** Rows are made when they are looked at: pages far down skip most of them. */
type ReadRow = () => Readonly<Record<string, unknown>>;

function* deferred(rows: Iterable<DeviceJobRow>): Iterable<ReadRow> {
  for (const row of rows) yield () => row;
}

function* twins(core: HubCore, modules: boolean): Iterable<ReadRow> {
  for (const record of core.store.index.records()) {
    if ((record.identity.moduleId !== undefined) === modules) yield () => rowOf(core, record);
  }
}

function rowOf(core: HubCore, record: HubRecord): Readonly<Record<string, unknown>> {
  const { deviceId, moduleId } = record.identity;
  return twinDocument(record, core.presences.of(deviceId, moduleId));
}

/** The records that a job's condition picks, by the index as it is now. */
export function* selectRecords(core: HubCore, query: Pick<Query, "source" | "where">): Iterable<HubRecord> {
  for (const record of core.store.index.records()) {
    const wanted = (record.identity.moduleId !== undefined) === (query.source === "devices.modules");
    if (wanted && matches(query.where, rowOf(core, record))) yield record;
  }
}

function itemTypeOf(query: Query): string {
  if (query.source === "devices.jobs") return "deviceJob";
  return query.projections ? "raw" : "twin";
}
