import { app, type HttpRequest, type HttpResponseInit } from "@azure/functions";
import type { DenyEntries } from "../../shared/use-cases/deny-entries";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { guarded, jsonResponse, problemResponse } from "./problem";
import { reading } from "./rolls";

/** `GET /api/deny-entries`, `POST /api/deny-entries/{enrollment|group}/{target}/lift`. */
export function registerDenyEntries({ gate, deny }: { readonly gate: Gate; readonly deny: DenyEntries }): void {
  const { authLevel } = gate;
  app.http("listDenyEntries", {
    ...endpoint("listDenyEntries"),
    authLevel,
    handler: (request, context) => reading(gate, request, context, ({ query }) => deny.list(query.get("after"))),
  });
  app.http("liftDenyEntry", {
    ...endpoint("liftDenyEntry"),
    authLevel,
    handler: (request, context) => guarded(context, () => lift(gate, deny, request)),
  });
}

async function lift(gate: Gate, deny: DenyEntries, request: HttpRequest): Promise<HttpResponseInit> {
  const by = await gate.admit(request, "operator");
  if ("outcome" in by) return problemResponse(by);
  const answer = await deny.lift({
    kind: request.params["kind"] ?? "",
    target: request.params["target"] ?? "",
    body: new Uint8Array(await request.arrayBuffer()),
    person: async (override) => {
      const who = override ? await gate.admit(request, "approver") : by;
      return "outcome" in who ? who : who.name;
    },
  });
  return "outcome" in answer ? problemResponse(answer) : jsonResponse(200, answer);
}
