import { app, type HttpRequest, type HttpResponseInit } from "@azure/functions";
import { isProblem } from "../../shared/domain/outcome";
import type { createCheckReadiness } from "../../shared/use-cases/check-readiness";
import type { createDirectDevice } from "../../shared/use-cases/direct-device";
import type { createListKnocking } from "../../shared/use-cases/list-knocking";
import type { createListStragglers } from "../../shared/use-cases/list-stragglers";
import { openApiDocument } from "../../shared/use-cases/openapi";
import type { createReadDevice } from "../../shared/use-cases/read-device";
import type { createReadJournal } from "../../shared/use-cases/read-journal";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { queryOf } from "./request";
import { guarded, jsonResponse, problemResponse } from "./problem";
import { reading } from "./rolls";

export interface OperatorEndpoints {
  readonly gate: Gate;
  readonly readJournal: ReturnType<typeof createReadJournal>;
  readonly listStragglers: ReturnType<typeof createListStragglers>;
  readonly listKnocking: ReturnType<typeof createListKnocking>;
  readonly readDevice: ReturnType<typeof createReadDevice>;
  readonly directDevice: ReturnType<typeof createDirectDevice>;
  readonly checkReadiness: ReturnType<typeof createCheckReadiness>;
}

/** A roll's journal, stragglers and who still knocks, one device and what a person says of it, health, readiness, the OpenAPI document. */
export function registerOperators(o: OperatorEndpoints): void {
  const { gate } = o;
  const { authLevel } = gate;
  app.http("readJournal", {
    ...endpoint("readJournal"),
    authLevel,
    handler: (request, context) =>
      reading(gate, request, context, () => o.readJournal(request.params["rollId"] ?? "", queryOf(request))),
  });
  app.http("listStragglers", {
    ...endpoint("listStragglers"),
    authLevel,
    handler: (request, context) => guarded(context, () => stragglers(o, request)),
  });
  app.http("listKnocking", {
    ...endpoint("listKnocking"),
    authLevel,
    handler: (request, context) =>
      reading(gate, request, context, () => o.listKnocking(request.params["rollId"] ?? "", queryOf(request))),
  });
  app.http("readDevice", {
    ...endpoint("readDevice"),
    authLevel,
    handler: (request, context) =>
      reading(gate, request, context, ({ params }) => o.readDevice(params["registrationId"] ?? "")),
  });
  app.http("directDevice", {
    ...endpoint("directDevice"),
    authLevel,
    handler: (request, context) => guarded(context, () => direct(o, request)),
  });
  app.http("ready", {
    ...endpoint("ready"),
    authLevel,
    handler: (request, context) =>
      guarded(context, async () => {
        const who = await gate.admit(request, "reader");
        if ("outcome" in who) return problemResponse(who);
        const readiness = await o.checkReadiness();
        return jsonResponse(readiness.ready ? 200 : 503, readiness, readiness.ready ? {} : { "retry-after": "10" });
      }),
  });
  app.http("health", {
    ...endpoint("health"),
    authLevel: "anonymous",
    handler: () => jsonResponse(200, { status: "ok" }),
  });
  app.http("openApi", {
    ...endpoint("openApi"),
    authLevel: "anonymous",
    handler: () => jsonResponse(200, openApiDocument()),
  });
}

async function stragglers(
  { gate, listStragglers }: OperatorEndpoints,
  request: HttpRequest,
): Promise<HttpResponseInit> {
  const who = await gate.admit(request, "reader");
  if ("outcome" in who) return problemResponse(who);
  const rollId = request.params["rollId"] ?? "";
  const found = await listStragglers(rollId, queryOf(request));
  if (isProblem(found)) return problemResponse(found);
  const link =
    found.next === undefined ? {} : { link: `</api/rolls/${rollId}/stragglers.csv?after=${found.next}>; rel="next"` };
  return {
    status: 200,
    headers: { "content-type": "text/csv; charset=utf-8", "cache-control": "no-store", ...link },
    body: found.csv,
  };
}

async function direct({ gate, directDevice }: OperatorEndpoints, request: HttpRequest): Promise<HttpResponseInit> {
  const { rollId = "", registrationId = "", verb = "" } = request.params;
  // To let a device go as it is may mean to lock it out for good, or to leave a certificate that runs out.
  const by = await gate.admit(request, verb === "retry" ? "operator" : "approver");
  if ("outcome" in by) return problemResponse(by);
  const body = new Uint8Array(await request.arrayBuffer());
  const answered = await directDevice({ rollId, registrationId, verb, body, by });
  return isProblem(answered) ? problemResponse(answered) : jsonResponse(200, answered);
}
