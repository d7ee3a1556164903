import { app, type HttpRequest, type HttpResponseInit } from "@azure/functions";
import { isProblem } from "../../shared/domain/outcome";
import type { createReadAlerts } from "../../shared/use-cases/alerts/read-alerts";
import type { ManagePolicies } from "../../shared/use-cases/policies";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { guarded, jsonResponse, problemResponse } from "./problem";
import { reading } from "./rolls";

/** `GET` and `PUT /api/policies`, `GET /api/policies/history`: what starts rolls by itself. */
export function registerPolicies(gate: Gate, policies: ManagePolicies): void {
  const { authLevel } = gate;
  app.http("getPolicies", {
    ...endpoint("getPolicies"),
    authLevel,
    handler: (request, context) =>
      guarded(context, async () => {
        const who = await gate.admit(request, "reader");
        return "outcome" in who ? problemResponse(who) : withEtag(await policies.get());
      }),
  });
  app.http("listPolicyVersions", {
    ...endpoint("listPolicyVersions"),
    authLevel,
    handler: (request, context) => reading(gate, request, context, () => policies.history()),
  });
  app.http("setPolicies", {
    ...endpoint("setPolicies"),
    authLevel,
    handler: (request, context) => guarded(context, () => put(gate, policies, request)),
  });
}

async function put(gate: Gate, policies: ManagePolicies, request: HttpRequest): Promise<HttpResponseInit> {
  const by = await gate.admit(request, "operator");
  if ("outcome" in by) return problemResponse(by);
  const body = new Uint8Array(await request.arrayBuffer());
  const set = await policies.put({ body, ifMatch: request.headers.get("if-match") ?? undefined, by });
  return isProblem(set) ? problemResponse(set) : withEtag(set);
}

function withEtag(view: Awaited<ReturnType<ManagePolicies["get"]>>): HttpResponseInit {
  return jsonResponse(200, view, { etag: view.etag });
}

/** `GET /api/alerts`: what came in, and what became of it. */
export function registerAlertList(gate: Gate, read: ReturnType<typeof createReadAlerts>): void {
  app.http("listAlerts", {
    ...endpoint("listAlerts"),
    authLevel: gate.authLevel,
    handler: (request, context) =>
      reading(gate, request, context, ({ query }) => read({ limit: query.get("limit"), after: query.get("after") })),
  });
}
