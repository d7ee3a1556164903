import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import type { ApiRouteName } from "../../shared/contract/api-routes";
import * as df from "durable-functions";
import type { ReadInventory } from "../../shared/use-cases/inventory/read-inventory";
import type { createRefreshInventory } from "../../shared/use-cases/inventory/refresh";
import { inventoryStarter } from "../inventory-starter";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { queryOf } from "./request";
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
    ...endpoint("refreshInventoryNow"),
    authLevel,
    extraInputs: [df.input.durableClient()],
    handler: (request, context) => guarded(context, () => refresh(o, request, context)),
  });
  const get = (name: ApiRouteName, find: (request: HttpRequest) => Promise<object>): void => {
    app.http(name, {
      ...endpoint(name),
      authLevel,
      handler: (request, context) => reading(gate, request, context, find),
    });
  };
  get("listInventories", () => read.list());
  get("listExpiring", (request) => read.expiring(queryOf(request)));
  get("listLints", (request) => read.lints(queryOf(request)));
  get("getInventory", ({ params }) => read.get(params["inventoryId"] ?? ""));
  get("blastRadius", (request) => read.blastRadius(queryOf(request)));
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
