import { textOf } from "../json";
import type { SqlValue } from "../engine/sqlite";
import { isFinal } from "../engine/history";
import { ClientRefused } from "../engine/client";
import { type Instance, toInstance } from "../engine/rows";
import type { Store } from "../engine/store";
import type { ApiContext, ApiRequest, ApiResponse } from "./api";
import { describe, statusesOf } from "./instance-view";

const defaultPage = 100;

/** Lists instances in order of creation; more pages by the continuation token of the answer. */
export function findInstances(store: Store, request: ApiRequest): ApiResponse {
  const { query } = request;
  const top = Number(query.get("top") ?? 0);
  const page = Number.isInteger(top) && top > 0 ? top : defaultPage;
  const token = textOf(request.headers["x-ms-continuation-token"]) ?? "";
  const found = select(store, query, token, page + 1);
  const shown = found.slice(0, page);
  const last = shown.at(-1);
  const more = found.length > page && last !== undefined;
  return {
    status: 200,
    headers: { "x-ms-continuation-token": more ? `${last.created}|${last.instanceId}` : "" },
    body: shown.map((instance) => describe(instance, request)),
  };
}

/** Purges the finished instances the filter names. */
export function deleteInstances({ store, client }: ApiContext, request: ApiRequest): ApiResponse {
  if (request.query.get("createdTimeFrom") === null) {
    throw new ClientRefused(400, "Please provide a value for 'createdTimeFrom'.");
  }
  const found = select(store, request.query, "", -1).filter((instance) => isFinal(instance.status));
  const deleted = found.filter((instance) => client.purge(instance.instanceId)).length;
  return deleted === 0 ? { status: 404 } : { status: 200, body: { instancesDeleted: deleted } };
}

function select(store: Store, query: URLSearchParams, token: string, limit: number): Instance[] {
  const conditions: string[] = ["1"];
  const values: SqlValue[] = [];
  const add = (condition: string, ...more: SqlValue[]): void => {
    conditions.push(condition);
    values.push(...more);
  };
  const prefix = query.get("instanceIdPrefix");
  if (prefix !== null && prefix !== "") add("substr(instance_id, 1, ?) = ?", prefix.length, prefix);
  const from = timeOf(query, "createdTimeFrom");
  if (from !== undefined) add("created >= ?", from);
  const to = timeOf(query, "createdTimeTo");
  if (to !== undefined) add("created <= ?", to);
  const statuses = statusesOf(query.get("runtimeStatus"));
  if (statuses.length > 0) add(`status IN (${statuses.map(() => "?").join(", ")})`, ...statuses);
  const bar = token.indexOf("|");
  if (bar > 0) add("(created, instance_id) > (?, ?)", Number(token.slice(0, bar)), token.slice(bar + 1));
  return store.file.all(
    `SELECT * FROM instances WHERE ${conditions.join(" AND ")} ORDER BY created, instance_id LIMIT ?`,
    toInstance,
    ...values,
    limit,
  );
}

function timeOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new ClientRefused(400, `'${name}' is not a time: ${text}`);
  return time;
}
