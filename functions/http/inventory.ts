import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import type { ReadInventory, Query } from "../../shared/use-cases/inventory/read-inventory";
import type { createRefreshInventory } from "../../shared/use-cases/inventory/refresh";
import { inventoryStarter } from "../inventory-starter";
import type { Gate } from "./gate";
import { guarded, jsonResponse, problemResponse } from "./problem";
import { reading } from "./rolls";

export interface InventoryEndpoints {
  readonly gate: Gate;
  readonly read: ReadInventory;
  readonly refresh: ReturnType<typeof createRefreshInventory>;
}

/**
 * `POST /api/inventory/refresh`; `GET /api/inventory`, `/api/inventory/{inventoryId}`, `/api/inventory/expiring`,
 * `/api/inventory/lints`, `/api/blast-radius`.
 */
export function registerInventory(o: InventoryEndpoints): void {
  const { gate, read } = o;
  const { authLevel } = gate;
  app.http("refreshInventoryNow", {
    methods: ["POST"],
    authLevel,
    route: "inventory/refresh",
    extraInputs: [df.input.durableClient()],
    handler: (request, context) => guarded(context, () => refresh(o, request, context)),
  });
  const get = (name: string, route: string, find: (request: HttpRequest) => Promise<object>): void => {
    app.http(name, {
      methods: ["GET"],
      authLevel,
      route,
      handler: (request, context) => reading(gate, request, context, find),
    });
  };
  get("listInventories", "inventory", () => read.list());
  get("listExpiring", "inventory/expiring", (request) => read.expiring(queryOf(request)));
  get("listLints", "inventory/lints", (request) => read.lints(queryOf(request)));
  get("getInventory", "inventory/{inventoryId}", ({ params }) => read.get(params["inventoryId"] ?? ""));
  get("blastRadius", "blast-radius", (request) => read.blastRadius(queryOf(request)));
}

async function refresh(
  { gate, refresh }: InventoryEndpoints,
  request: HttpRequest,
  context: InvocationContext,
): Promise<HttpResponseInit> {
  const by = await gate.admit(request, "operator");
  if ("outcome" in by) return problemResponse(by);
  const { outcome, inventoryId } = await refresh(inventoryStarter(context));
  const statusUrl = `/api/inventory/${inventoryId}`;
  context.log(`inventory ${inventoryId} ${outcome}, asked for by ${by.id}`);
  return jsonResponse(
    outcome === "started" ? 202 : 200,
    { inventoryId, outcome, statusUrl },
    { location: statusUrl, "retry-after": "5" },
  );
}

/** Without `code`, the host's own parameter: the function key may travel in it. */
function queryOf({ query }: HttpRequest): Query {
  return Object.fromEntries([...query.entries()].filter(([name]) => name !== "code"));
}
