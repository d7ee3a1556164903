import { numberOf, textOf, tryParse } from "../json";
import { entityNameOf, loadEntity, parseEntity } from "../engine/entity-state";
import { type ApiContext, type ApiRequest, type ApiResponse, notFound } from "./api";
import { isJson } from "./instance-view";

/** Reads, signals and lists entities. */
export function entityRoutes(
  context: ApiContext,
  request: ApiRequest,
  name: string | undefined,
  key: string | undefined,
): ApiResponse {
  if (request.method === "GET" && (key === undefined || key === "")) return list(context, request, name);
  if (name === undefined || key === undefined) return notFound();
  const id = `@${name.toLowerCase()}@${key === "$" ? "" : key}`;
  if (request.method === "GET") {
    const entity = loadEntity(context.store, id);
    if (!entity.exists || entity.state === null) return notFound();
    return { status: 200, body: tryParse(entity.state) };
  }
  if (request.method !== "POST" && request.method !== "DELETE") return notFound();
  const operation = request.method === "DELETE" ? "delete" : (request.query.get("op") ?? "");
  const { body } = request;
  context.client.signalEntity(id, operation, body === "" ? undefined : isJson(body) ? body : JSON.stringify(body));
  return { status: 202 };
}

function list(context: ApiContext, request: ApiRequest, name: string | undefined): ApiResponse {
  const fetchState = request.query.get("fetchState")?.toLowerCase() === "true";
  const top = Number(request.query.get("top") ?? 100);
  const from = Date.parse(request.query.get("lastOperationTimeFrom") ?? "") || 0;
  const to = Date.parse(request.query.get("lastOperationTimeTo") ?? "") || Number.MAX_SAFE_INTEGER;
  const prefix = name === undefined || name === "" ? "@" : `@${name.toLowerCase()}@`;
  const rows = context.store.file.all(
    "SELECT * FROM entities WHERE substr(entity_id, 1, ?) = ? AND updated BETWEEN ? AND ? ORDER BY entity_id LIMIT ?",
    (row) => ({
      entityId: entityNameOf(textOf(row["entity_id"]) ?? "@@"),
      entity: parseEntity(row["scheduler"]),
      updated: numberOf(row["updated"]) ?? 0,
    }),
    ...[prefix.length, prefix, from, to, top],
  );
  return {
    status: 200,
    body: rows
      .filter(({ entity }) => entity.exists)
      .map(({ entityId, entity, updated }) => ({
        entityId,
        lastOperationTime: new Date(updated).toISOString(),
        ...(fetchState ? { state: tryParse(entity.state ?? "null") } : {}),
      })),
  };
}
